"""Texts about attachments on pages: key -> (Chinese, English); keys begin with `files_`."""

from __future__ import annotations

from typing import Final

from node.web.portal_text import Pair

TEXT: Final[dict[str, Pair]] = {
    "files_title": ("附件", "Attachments"),
    "files_held": ("已存 {number} 个，共 {size}。", "{number} held, {size} in all."),
    "files_none_missing": ("没有缺失的附件。", "No attachment is missing."),
    "files_missing_lead": (
        "下列附件已由记录列出，尚未送达本节点；系统会继续索取，不影响记录。",
        "Records list these, and they have not reached this node; they are asked for again, and hold up no record.",
    ),
    "files_caption": ("尚未送达的附件", "Attachments that have not come"),
    "files_file": ("文件", "File"),
    "files_of": ("来源节点", "From"),
    "files_size": ("大小", "Size"),
    "files_since": ("列出于", "Listed"),
    "files_error": ("最近原因", "Last reason"),
    "files_unnamed": ("（不公开）", "(not public)"),
    "files_more": ("共 {number} 个，仅显示前 {limit} 个。", "{number} in all; the first {limit} are shown."),
    "files_quarantined": ("另有 {number} 个文件被隔离。", "{number} files are in quarantine."),
    "files_download": ("下载", "Download"),
    "files_not_here": ("尚未送达本节点", "not at this node yet"),
    "files_digest": ("摘要（SHA-256）", "SHA-256"),
    "files_audience": ("公开范围", "Audience"),
}
