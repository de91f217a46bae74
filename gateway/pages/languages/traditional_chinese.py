"""Chinese in traditional characters."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

TRADITIONAL_CHINESE = Words(
    tag="zh-Hant",
    site=("網站維護中", "我們正在維護網站，完成後會立即恢復。"),
    feature=("此部分正在維護", "我們正在維護網站的這一部分，完成後會立即恢復。"),
    user=("您的帳戶正在維護", "完成後，網站的這一部分會立即重新向您開放。"),
    read_only=("暫停修改", "我們正在維護。您可以繼續瀏覽，但暫時無法作任何修改。"),
    unsent="您傳送的內容沒有送達，也沒有儲存任何資料。",
    unsent_advice="請返回上一頁找回您填寫的內容，稍後重新傳送。",
    expected="預計恢復時間：",
    worth_another_look="可再次嘗試的時間：",
    try_now="立即重試",
    return_to_form="返回您填寫的內容",
    open_without_sending="直接開啟此頁，不傳送任何內容",
    open_again="重新開啟此頁",
    again="請{when}重試",
    again_now="請重試",
    percent="已完成 {percent}%",
    spans=Spans(
        soon="不到一分鐘後",
        minutes=("大約 {n} 分鐘後",),
        hours=("大約 {n} 小時後",),
        days=("大約 {n} 天後",),
        form=lambda _n: 0,
    ),
    looking=Looking(
        checking="正在檢查…",
        looks="此頁會自動再次檢查。",
        looked="此頁會自動再次檢查。上次檢查：{time}",
        offline="您似乎已離線。恢復連線後，此頁會繼續檢查。",
        silent="暫時沒有回應。此頁會自動再次檢查。",
        open="已重新開放，正在進入。",
        open_unsent="已重新開放。請返回您填寫的內容並重新傳送。",
    ),
    errors={
        "Bad gateway": "無法連上網站",
        "The site cannot be reached just now, or gave no answer that makes sense.": "目前無法連上網站，或者網站的回應無法識別。",
        "Gateway timeout": "網站回應逾時",
        "The site took too long to answer.": "網站回應時間過長。",
        "Service unavailable": "暫時無法使用",
        "Too many connections": "連線過多",
        "the gateway is at its limit": "目前訪客過多。",
        "Request timeout": "請求逾時",
        "the request took too long to arrive": "請求未能及時送達。",
        "Your bypass link has expired or was revoked.": "您的存取連結已過期或已被撤銷。",
    },
)
