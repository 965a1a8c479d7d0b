"""What a node does while it is killed: one workload a stage, and what must be true of it afterwards.

Each workload is what a real caller does, and can be run again from its start: an import that broke off is run again, a
peer submits again, a timetable ticks again.
"""

from __future__ import annotations

from tests.crash.stages_content import Custody, Project, Pull
from tests.crash.stages_log import Accept, Publish
from tests.crash.workload import Stage

STAGES: dict[str, type[Stage]] = {each.name: each for each in (Publish, Accept, Custody, Project, Pull)}
