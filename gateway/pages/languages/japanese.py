"""Japanese."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

JAPANESE = Words(
    tag="ja",
    site=(
        "メンテナンス中です",
        "ただいまサイトのメンテナンスを行っています。終わり次第、再開します。",
    ),
    feature=(
        "メンテナンスのため停止中です",
        "ただいまサイトのこの部分のメンテナンスを行っています。終わり次第、再開します。",
    ),
    user=(
        "お客様のアカウントのメンテナンス中です",
        "終わり次第、サイトのこの部分を再びご利用いただけます。",
    ),
    read_only=(
        "変更を停止しています",
        "ただいまメンテナンスを行っています。閲覧は続けられますが、現在は変更できません。",
    ),
    unsent="送信された内容は届いておらず、何も保存されていません。",
    unsent_advice="前のページに戻ると入力した内容が残っています。後ほどもう一度送信してください。",
    expected="再開の見込み：",
    worth_another_look="次のお試しの目安：",
    try_now="今すぐ再試行",
    return_to_form="入力した内容に戻る",
    open_without_sending="何も送信せずにこのページを開く",
    open_again="このページをもう一度開く",
    again="{when}にもう一度お試しください",
    again_now="もう一度お試しください",
    percent="{percent}% 完了",
    spans=Spans(
        soon="1 分以内",
        minutes=("約 {n} 分後",),
        hours=("約 {n} 時間後",),
        days=("約 {n} 日後",),
        form=lambda _n: 0,
    ),
    looking=Looking(
        checking="確認しています…",
        looks="このページは自動で再確認します。",
        looked="このページは自動で再確認します。前回の確認：{time}",
        offline="オフラインのようです。接続が戻ると、このページは再開します。",
        silent="現在応答がありません。このページは自動で再確認します。",
        open="再開しました。移動します。",
        open_unsent="再開しました。入力した内容に戻り、もう一度送信してください。",
    ),
    errors={
        "Bad gateway": "サイトに接続できません",
        "The site cannot be reached just now, or gave no answer that makes sense.": "現在サイトに接続できないか、応答を読み取れません。",
        "Gateway timeout": "応答がありません",
        "The site took too long to answer.": "サイトの応答に時間がかかりすぎました。",
        "Service unavailable": "現在ご利用いただけません",
        "Too many connections": "接続が多すぎます",
        "the gateway is at its limit": "現在アクセスが集中しています。",
        "Request timeout": "リクエストがタイムアウトしました",
        "the request took too long to arrive": "リクエストが時間内に届きませんでした。",
        "Your bypass link has expired or was revoked.": "アクセス用リンクは期限切れか、取り消されています。",
    },
)
