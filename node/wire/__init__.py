"""Our own bytes: headers, payloads, packs, the trust policy, custody notes, and every address of the protocol."""
