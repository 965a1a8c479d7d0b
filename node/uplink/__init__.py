"""The uplink (上报): our records as data sets of the national standard, sent once each, with every answer kept."""
