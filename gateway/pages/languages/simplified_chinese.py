"""Chinese in simplified characters."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

SIMPLIFIED_CHINESE = Words(
    tag="zh-Hans",
    site=("网站维护中", "我们正在维护网站，完成后会立即恢复。"),
    feature=("此部分正在维护", "我们正在维护网站的这一部分，完成后会立即恢复。"),
    user=("您的账户正在维护", "完成后，网站的这一部分会立即重新向您开放。"),
    read_only=("暂停修改", "我们正在维护。您可以继续浏览，但暂时无法作任何修改。"),
    unsent="您发送的内容没有送达，也没有保存任何数据。",
    unsent_advice="请返回上一页找回您填写的内容，稍后重新发送。",
    expected="预计恢复时间：",
    worth_another_look="可再次尝试的时间：",
    try_now="立即重试",
    return_to_form="返回您填写的内容",
    open_without_sending="直接打开此页，不发送任何内容",
    open_again="重新打开此页",
    again="请{when}重试",
    again_now="请重试",
    percent="已完成 {percent}%",
    spans=Spans(
        soon="不到一分钟后",
        minutes=("大约 {n} 分钟后",),
        hours=("大约 {n} 小时后",),
        days=("大约 {n} 天后",),
        form=lambda _n: 0,
    ),
    looking=Looking(
        checking="正在检查…",
        looks="此页会自动再次检查。",
        looked="此页会自动再次检查。上次检查：{time}",
        offline="您似乎已离线。恢复连接后，此页会继续检查。",
        silent="暂时没有响应。此页会自动再次检查。",
        open="已重新开放，正在进入。",
        open_unsent="已重新开放。请返回您填写的内容并重新发送。",
    ),
    errors={
        "Bad gateway": "无法访问网站",
        "The site cannot be reached just now, or gave no answer that makes sense.": "目前无法访问网站，或者网站的响应无法识别。",
        "Gateway timeout": "网站响应超时",
        "The site took too long to answer.": "网站响应时间过长。",
        "Service unavailable": "暂时不可用",
        "Too many connections": "连接过多",
        "the gateway is at its limit": "目前访问者过多。",
        "Request timeout": "请求超时",
        "the request took too long to arrive": "请求未能及时送达。",
        "Your bypass link has expired or was revoked.": "您的访问链接已过期或已被撤销。",
    },
)
