"""`ggzy user …`: accounts of persons at this node, for who runs the machine."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

app = typer.Typer(
    help="账号 · Accounts of persons at this node.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Account = Annotated[str, typer.Argument(help="账号或登录名 · account, or its log-in name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="从标准输入读取密码 · read the password from standard input.")
]


@app.command()
def add(
    login: Annotated[str, typer.Argument(help="登录名 · log-in name.")],
    name: Annotated[str, typer.Option(help="姓名（专家填编号）· name that others see; of an expert the number.")],
    role: Annotated[list[str], typer.Option(help="角色，可多次 · a role; more than once for several.")],
    config: Config = HERE,
    sector: Annotated[
        list[str] | None, typer.Option(help="监管行业，可多次 · a sector of a supervisor; more than once.")
    ] = None,
    org: Annotated[str, typer.Option(help="统一社会信用代码 · unified social credit code.")] = "",
    org_name: Annotated[str, typer.Option(help="单位名称 · the organisation's name.")] = "",
    other_person: Annotated[
        bool, typer.Option("--other-person", help="确认与同名者不是同一人 · a namesake elsewhere is somebody else.")
    ] = False,
    password_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """新建账号 · Make an account.

    Without --password-stdin a first password is made and shown once; it is to be changed at the first log-in.
    """
    from node.cli import user_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        user_work.add(
            config,
            login,
            name,
            role,
            sectors=sector or [],
            org=org,
            org_name=org_name,
            other_person=other_person,
            stdin=password_stdin,
            as_json=as_json,
        )


@app.command()
def reset(account: Account, config: Config = HERE, password_stdin: FromStdin = False, as_json: AsJson = False) -> None:
    """重置密码 · A new password for who has forgotten it.

    Sessions end, one-time codes are switched off, the lock-out is lifted, and the account gets a new key.
    """
    from node.cli import user_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        user_work.reset(config, account, stdin=password_stdin, as_json=as_json)


@app.command(name="list")
def list_(config: Config = HERE, as_json: AsJson = False) -> None:
    """账号列表 · The accounts whose home is this node."""
    from node.cli import user_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        user_work.show(config, as_json=as_json)


@app.command()
def disable(
    account: Account,
    config: Config = HERE,
    undo: Annotated[bool, typer.Option("--undo", help="重新启用 · open it again.")] = False,
    as_json: AsJson = False,
) -> None:
    """停用账号 · Close an account of this node's staff."""
    from node.cli import user_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        user_work.disable(config, account, active=undo, as_json=as_json)


@app.command()
def roles(
    account: Account,
    role: Annotated[list[str], typer.Option(help="全部角色，可多次 · all roles that it shall have.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """分配角色 · Give an account other roles; those that exclude each other are refused."""
    from node.cli import user_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        user_work.roles(config, account, role, as_json=as_json)
