"""`ggzy routing`, `ggzy catalogue` and `ggzy code`: who holds what is not theirs, what is held nowhere, numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.cli.options import HERE, AsJson, Config

routing_app = typer.Typer(no_args_is_help=True, help="层级分工 · Which tier and centre hold a trade.")
catalogue_app = typer.Typer(no_args_is_help=True, help="进场目录核对 · Approved projects against trades held.")
code_app = typer.Typer(no_args_is_help=True, help="业务编号与统一交易标识码 · Numbers of trades.")


@routing_app.command()
def check(config: Config = HERE, as_json: AsJson = False) -> None:
    """核对层级 · Run the routing decision again on every trade that is held or was synced.

    Lists what is at the wrong centre; exit status 1 when there is any.
    """
    from node.cli import routing_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        routing_work.check(config, as_json=as_json)


@routing_app.command()
def explain(
    category: Annotated[str, typer.Argument(help="交易类别 · category, such as 工程建设.")],
    config: Config = HERE,
    approval: Annotated[str, typer.Option(help="审批层级 · national | city | district")] = "",
    funds: Annotated[str, typer.Option(help="资金层级 · national | city | district")] = "",
    owner: Annotated[str, typer.Option(help="资产层级 · national | city | district")] = "",
    division: Annotated[str, typer.Option(help="项目所在地六位代码 · place, six digits.")] = "",
    zone: Annotated[str, typer.Option(help="开发区 · development zone.")] = "",
    voluntary: Annotated[bool, typer.Option("--voluntary", help="业主自愿进场 · entered of the owner's will.")] = False,
    as_json: AsJson = False,
) -> None:
    """说明某项目应在哪里交易 · Say where a trade belongs, and by which clause."""
    from node.cli import routing_work
    from node.cli.output import errors

    facts = {
        "category": category,
        "approval_level": approval,
        "fund_level": funds,
        "owner_level": owner,
        "division": division,
        "zone": zone,
        "mandatory": not voluntary,
    }
    with errors(as_json=as_json, config=config):
        routing_work.explain(config, facts, as_json=as_json)


@catalogue_app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="清单：CSV、XLSX 或 JSONL · list of approved projects and budgets.")],
    config: Config = HERE,
    category: Annotated[str, typer.Option(help="未注明类别的行 · category of rows that name none.")] = "",
    rejects: Annotated[
        Path | None, typer.Option(help="退回行的文件 · where rejected rows go (default: beside the file).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """导入审批项目与预算清单并核对 · Take in a list and look for its projects on the platform."""
    from node.cli import routing_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        routing_work.import_list(file, config, category=category, rejects=rejects, as_json=as_json)


@catalogue_app.command(name="check")
def check_(config: Config = HERE, as_json: AsJson = False) -> None:
    """再次核对 · Look again for all items; lists what must be held and is found nowhere, exit status 1 then."""
    from node.cli import routing_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        routing_work.compare(config, as_json=as_json)


@code_app.command()
def issue(
    sort: Annotated[str, typer.Argument(help="project | tender | section | unified")],
    of: Annotated[str, typer.Argument(help="类别，或上级编号 · category; for tender and section the number above.")],
    config: Config = HERE,
    cls: Annotated[str, typer.Option("--class", help="统一标识码分类，如 A02 · class of a unified code.")] = "",
    subject: Annotated[str, typer.Option(help="用于 · what it is for.")] = "",
    request: Annotated[str, typer.Option(help="请求名，重复得同一编号 · name of the request: again, the same.")] = "",
    as_json: AsJson = False,
) -> None:
    """给出一个编号 · Give out a number, once."""
    from node.cli import routing_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        routing_work.issue(config, sort, of, cls=cls, subject=subject, request=request, as_json=as_json)


@code_app.command(name="check")
def check_code(
    code: Annotated[str, typer.Argument(help="编号或统一交易标识码 · a number or a unified code.")],
    config: Config = HERE,
    as_json: AsJson = False,
) -> None:
    """核对一个编号 · Say what a number is and what is wrong with it; exit status 1 when it would be refused."""
    from node.cli import routing_work
    from node.cli.output import errors

    with errors(as_json=as_json, config=config):
        routing_work.check_code(config, code, as_json=as_json)
