"""German."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

GERMAN = Words(
    tag="de",
    site=(
        "Wartungsarbeiten",
        "Wir arbeiten an der Website. Sobald wir fertig sind, ist sie wieder da.",
    ),
    feature=(
        "Wegen Wartung geschlossen",
        "Wir arbeiten an diesem Teil der Website. Sobald wir fertig sind, ist er wieder da.",
    ),
    user=(
        "An Ihrem Konto wird gearbeitet",
        "Sobald wir fertig sind, steht Ihnen dieser Teil der Website wieder offen.",
    ),
    read_only=(
        "Änderungen ruhen",
        "Wir arbeiten daran. Sie können weiterlesen, aber im Moment lässt sich nichts ändern.",
    ),
    unsent="Was Sie abgeschickt haben, wurde nicht weitergegeben, und es wurde nichts gespeichert.",
    unsent_advice="Gehen Sie eine Seite zurück, dort steht noch, was Sie geschrieben haben, und schicken Sie es später noch einmal ab.",
    expected="Voraussichtlich zurück",
    worth_another_look="Einen neuen Versuch wert",
    try_now="Jetzt noch einmal versuchen",
    return_to_form="Zurück zu dem, was Sie geschrieben haben",
    open_without_sending="Diese Seite öffnen, ohne etwas abzuschicken",
    open_again="Diese Seite noch einmal öffnen",
    again="Versuchen Sie es {when} noch einmal",
    again_now="Versuchen Sie es noch einmal",
    percent="{percent} % fertig",
    spans=Spans(
        soon="in weniger als einer Minute",
        minutes=(
            "in etwa einer Minute",
            "in etwa {n} Minuten",
        ),
        hours=(
            "in etwa einer Stunde",
            "in etwa {n} Stunden",
        ),
        days=(
            "in etwa einem Tag",
            "in etwa {n} Tagen",
        ),
        form=lambda n: int(n != 1),
    ),
    looking=Looking(
        checking="Wird geprüft …",
        looks="Diese Seite sieht von selbst wieder nach.",
        looked="Diese Seite sieht von selbst wieder nach. Zuletzt: {time}",
        offline="Sie sind anscheinend offline. Sobald Sie wieder verbunden sind, geht es hier weiter.",
        silent="Gerade kam keine Antwort. Diese Seite sieht von selbst wieder nach.",
        open="Es ist wieder offen. Los geht’s.",
        open_unsent="Es ist wieder offen. Gehen Sie zurück zu dem, was Sie geschrieben haben, und schicken Sie es noch einmal ab.",
    ),
    errors={
        "Bad gateway": "Die Website ist nicht erreichbar",
        "The site cannot be reached just now, or gave no answer that makes sense.": "Die Website ist im Moment nicht erreichbar, oder ihre Antwort war nicht zu verstehen.",
        "Gateway timeout": "Zeitüberschreitung",
        "The site took too long to answer.": "Die Website hat zu lange für ihre Antwort gebraucht.",
        "Service unavailable": "Im Moment nicht verfügbar",
        "Too many connections": "Zu viele Verbindungen",
        "the gateway is at its limit": "Im Moment sind zu viele Besucher da.",
        "Request timeout": "Zeitüberschreitung der Anfrage",
        "the request took too long to arrive": "Die Anfrage ist nicht rechtzeitig angekommen.",
        "Your bypass link has expired or was revoked.": "Ihr Umgehungslink ist abgelaufen oder wurde widerrufen.",
    },
)
