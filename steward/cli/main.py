"""`steward`: every command, loaded when it is asked for. 0 done · 1 findings · 2 something to fix · 3 our bug."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import App

from steward import __version__
from steward.model.errors import StewardError

FINDINGS, FIX, OUR_BUG = 1, 2, 3

app = App(
    name="steward",
    help="Workflow automation for Customer Success: sync, evaluate playbooks, act.",
    version=__version__,
    result_action="return_value",
    version_flags=["--version"],
)

_COMMANDS = (
    ("demo", "A company with two years of life, the whole way from CRM to Slack, on this machine."),
    ("init", "Write a commented steward.yaml."),
    ("doctor", "Look at the database, the clock, the playbooks and every connection."),
    ("evaluate", "Derive the facts and evaluate the playbooks."),
    ("writeback", "Which facts would be written into other systems; writes nothing."),
    ("deliver", "Deliver the actions that are due."),
    ("serve", "Serve the API and the webhooks."),
    ("schema", "The JSON Schema of playbooks, by which an editor completes and checks."),
    ("export", "What reports read, as Parquet, CSV or Excel files; and what every column means."),
    ("publish", "Bring Tableau and Power BI up to date, as `publish` in steward.yaml says."),
    ("explain", "Why a playbook did or did not fire for an account, now or then."),
)
for _name, _help in _COMMANDS:
    app.command(f"steward.cli.commands.{_name}:{_name}", name=_name, help=_help)

_GROUPS = {
    "sync": ("Pull what changed from the connections, and how that stands.", {
        "pull": "Pull what changed (the same as `steward sync`).",
        "status": "Where each stream stands, what is refused, and what changed at the sources.",
        "reconcile": "Find what the sources have no more, and let it go here too.",
        "audit": "Compare what is stored with the sources, field by field.",
    }),
    "accounts": ("The accounts and their facts.", {
        "list": "The accounts, by health.", "show": "One account: who it is, its facts, its enrollments.",
    }),
    "playbook": ("Playbooks: from the first line to what they brought about.", {
        "list": "What is live, in which mode, and what stands in the folder.",
        "check": "Find what is wrong or silly in them.",
        "test": "Run their cases.",
        "plan": "Who would enter and leave, with the deciding clause; performs nothing.",
        "backtest": "What it would have done on the days that are past.",
        "apply": "Make them live: shows the plan, and asks.",
        "rollback": "Make the version before live again.",
        "pause": "Stop everything of it; all clocks stand.", "resume": "Let it go on.",
        "retire": "Take it out of use.",
        "enroll": "Enrol an account by hand.",
        "migrate": "Let those in flight go on with the live version: shows the map, and asks.",
        "approve": "What waits for a yes, and the yes.",
        "silence": "Quiet for a while, with who asked and why.", "silences": "The silences that stand.",
        "unsilence": "End a silence before its time.",
        "explain": "Why a playbook did or did not fire for an account.",
        "score": "How often it was right, what it cost, whether to keep it.",
        "lift": "Treatment against control: did it help?",
    }),
    "enrollments": ("One account's way through one playbook.", {
        "list": "The enrollments, the latest first.",
        "acknowledge": "Say that somebody has it in hand; the escalation stops.",
    }),
    "outbox": ("The actions not yet delivered, and those that were.", {
        "list": "The actions, by state.", "retry": "Try an action again that failed or is unknown.",
    }),
    "calls": ("The webhook calls that were taken and could not be worked off.", {
        "list": "Which, since when, and why.", "retry": "Work one off again, once what was wrong is mended.",
    }),
    "listeners": ("Who asked to be told what happens: Zaps, scenarios, systems of your own.", {
        "list": "Who listens to what, and who ended.", "end": "Tell one nothing more.",
    }),
    "identity": ("Which records are the same account.", {
        "review": "The pairs that look alike, with the reason.",
        "merge": "They are one account.", "apart": "They are not; undoes a merge and keeps it undone.",
    }),
    "connector": ("The systems that Steward can connect to.", {
        "list": "What each can read and do, and how safely.",
        "check": "Ask a connection what is missing, in plain words.",
        "new": "Make a new connector that passes the battery.",
    }),
    "sandbox": ("The vendors played on this machine.", {
        "serve": "Start sandboxes on free ports and say how to reach them.",
    }),
}
_ROOMS = {                                   # a command of a group whose module is not the group's
    **dict.fromkeys(("apply", "rollback", "pause", "resume", "retire", "enroll", "migrate"), "release"),
    **dict.fromkeys(("backtest", "score", "lift"), "measure"),
    **dict.fromkeys(("silence", "silences", "unsilence"), "silence"),
    "plan": "plan", "approve": "approve", "explain": "explain",
}
for _group, (_help, _children) in _GROUPS.items():
    _sub = App(name=_group, help=_help)
    for _child, _child_help in _children.items():
        _function = f"{_child}_" if _child in ("list", "show") else _child
        _room = _ROOMS.get(_child, _group) if _group == "playbook" else _group
        _sub.command(f"steward.cli.commands.{_room}:{_function}", name=_child, help=_child_help)
    app.command(_sub)


def main() -> None:
    """The program `steward`."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")   # type: ignore[union-attr]  # a name must not stop a list
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code."""
    try:
        answer = app(_in_full(list(arguments)))
    except StewardError as error:
        return _refused(str(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())   # the reader of our pipe has enough
        return 0
    except Exception as error:
        if os.environ.get("STEWARD_DEBUG"):
            raise
        return _refused(
            f"This is a bug in Steward: {type(error).__name__}. Nothing was lost: what was stored stays stored. "
            "Run it again with STEWARD_DEBUG=1 for the whole story, and please report that.", OUR_BUG)
    return answer if isinstance(answer, int) and not isinstance(answer, bool) else 0


def _refused(text: str, code: int = FIX) -> int:
    """Say on stderr what was wrong; stdout stays empty, so that no program reads half an answer."""
    from steward.cli import show

    show.note(text)
    return code


_USUAL = {"identity": "review", "sync": "pull"}
_TAKES_NAMES = ("sync",)                     # its usual command takes names: `steward sync salesforce`


def _in_full(arguments: list[str]) -> list[str]:
    """`steward accounts` lists the accounts: a group without a command means its list."""
    children = _GROUPS.get(arguments[0], ("", {}))[1] if arguments else {}
    usual = _USUAL.get(arguments[0], "list") if arguments else ""
    if usual in children:
        rest = arguments[1:2]
        is_name = bool(rest) and arguments[0] in _TAKES_NAMES and rest[0] not in children
        if not rest or ((is_name or rest[0].startswith("-")) and rest[0] not in ("-h", "--help")):
            return [arguments[0], usual, *arguments[1:]]
    return arguments


if __name__ == "__main__":
    main()
