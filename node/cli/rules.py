"""Commands about rules: check, publish, withdraw, list, show, diff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    name="rules",
    help="规则 · Rules: check, publish, list, show, diff.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

File = Annotated[Path, typer.Argument(help="规则文件（TOML）· a rule file.")]
Account = Annotated[
    str, typer.Option("--account", help="以此账号签名，须输入口令 · sign as this account; asks for its password.")
]
Sure = Annotated[bool, typer.Option("--yes", "-y", help="不再询问 · do not ask.")]


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """检查规则文件 · Check a rule file: shape, names, dates, clauses; each fault with its row."""
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json):
        rules_work.check(file, as_json=as_json)


@app.command()
def publish(
    file: File, config: Config = HERE, account: Account = "", yes: Sure = False, as_json: AsJson = False
) -> None:
    """发布规则 · Publish a package or table.

    At the hub, or at the node of the department that owns the category; every node takes it over at its day.
    """
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        rules_work.publish(config, file, account=account, sure=yes, as_json=as_json)


@app.command()
def holidays(
    file: File, config: Config = HERE, account: Account = "", yes: Sure = False, as_json: AsJson = False
) -> None:
    """载入放假安排 · Load the State Council's notice of a year's holidays.

    A file with `[[year]]` rows as in config/rules/holidays.toml; published from today on, deadlines are counted anew.
    """
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        rules_work.holidays(config, file, account=account, sure=yes, as_json=as_json)


@app.command()
def withdraw(
    name: Annotated[str, typer.Argument(help="编号@版本 · <id>@<version>")],
    reason: Annotated[str, typer.Argument(help="撤回原因 · why, shown to everybody.")],
    config: Config = HERE,
    yes: Sure = False,
    as_json: AsJson = False,
) -> None:
    """撤回规则 · Take a version back: no trade begins under it any more, those that did go on."""
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        rules_work.withdraw(config, name, reason, sure=yes, as_json=as_json)


@app.command("list")
def list_(config: Config = HERE, as_json: AsJson = False) -> None:
    """列出规则 · Every version that this node holds, and records that it does not take over."""
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        rules_work.list_rules(config, as_json=as_json)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="编号@版本 · <id>@<version>")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """显示规则 · A version with its rows and their clauses."""
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        rules_work.show(config, name, as_json=as_json)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="旧版：编号@版本或文件 · <id>@<version>, or a file.")],
    new: Annotated[str, typer.Argument(help="新版：编号@版本或文件 · <id>@<version>, or a file.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """比较规则 · What changed from one version to another, row by row."""
    from node.cli import rules_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        rules_work.compare(config, old, new, as_json=as_json)
