"""Words for what persons do, as the audit trail names it; an action that is not here stands as it is."""

from __future__ import annotations

from node.domain import posts
from node.web.portal_text import Pair

ACTIONS: dict[str, Pair] = {
    "log-in": ("登录", "Log in"),
    "log-out": ("退出", "Log out"),
    "session.end": ("结束登录", "End a session"),
    "password.change": ("修改密码", "Change the password"),
    "totp.on": ("启用动态口令", "One-time codes on"),
    "totp.off": ("停用动态口令", "One-time codes off"),
    "account.register": ("注册账号", "Register an account"),
    "account.add": ("新建账号", "Make an account"),
    "account.roles": ("调整角色", "Give roles"),
    "account.enable": ("启用账号", "Open an account"),
    "account.disable": ("停用账号", "Close an account"),
    "account.reset": ("重置密码", "Reset a password"),
    "service.ask": ("登记服务申请", "Note a request for a service"),
    "service.done": ("办结服务申请", "A request for a service is done"),
    "service.drop": ("撤销服务申请", "A request for a service is taken back"),
    "site.bind": ("调整人员归属场所", "Say at which site somebody works"),
    "site.allocate": ("分配承办场所", "Say at which site a trade is held"),
    "audit.export": ("导出留痕", "Export the trail"),
    "catalogue.import": ("导入审批项目清单", "Bring a list of approved projects"),
    "catalogue.explain": ("说明应进场而未见的项目", "Explain a project found nowhere"),
    "catalogue.export": ("导出清单核对结果", "Export what was found of lists"),
    "failure.retry": ("重试失败事项", "Try again what failed"),
    "import.dealt_with": ("导入未通过行已处理", "Refused rows dealt with"),
    "venue.book": ("预订场地", "Book a room"),
    "venue.change": ("变更场地预订", "Change a booking"),
    "venue.cancel": ("取消场地预订", "Cancel a booking"),
    "deposit.take": ("登记保证金", "Note a deposit"),
    "deposit.return": ("登记退还保证金", "Note a refund"),
    "deposit.keep": ("登记不予退还保证金", "Note a deposit kept"),
    "order.override": ("下达指令：调整交易场所", "Order: another place"),
    "order.pause": ("下达指令：暂停", "Order: pause"),
    "order.resume": ("下达指令：恢复", "Order: resume"),
    "rule.publish": ("发布规则", "Publish rules"),
    "rule.withdraw": ("撤回规则", "Withdraw rules"),
    "rule.approve": ("复核规则草稿：通过", "Review of a draft of rules: approved"),
    "rule.return": ("复核规则草稿：退回", "Review of a draft of rules: returned"),
    "order.explain": ("下达指令：说明情况", "Order: explain"),
}


def action(name: str) -> Pair:
    return ACTIONS.get(name, (name, name))


def roles(names: str) -> Pair:
    """Roles of a record, with blanks between."""
    known = [posts.ROLES[name] if name in posts.ROLES else None for name in names.split()]
    return (
        "、".join(role.zh if role else name for role, name in zip(known, names.split(), strict=True)),
        ", ".join(role.en if role else name for role, name in zip(known, names.split(), strict=True)),
    )
