"""What playbooks can never do, or do always: the findings of one (`warn_about`) and of a folder (`check_folder`)."""

from steward.engine.advice import warn_about
from steward.engine.overlap import check_folder

__all__ = ["check_folder", "warn_about"]
