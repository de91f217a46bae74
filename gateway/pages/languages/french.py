"""French."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

FRENCH = Words(
    tag="fr",
    site=(
        "Site en maintenance",
        "Nous travaillons sur le site. Il sera de retour dès que nous aurons terminé.",
    ),
    feature=(
        "Fermé pour maintenance",
        "Nous travaillons sur cette partie du site. Elle sera de retour dès que nous aurons terminé.",
    ),
    user=(
        "Votre compte est en cours de maintenance",
        "Cette partie du site vous sera de nouveau ouverte dès que nous aurons terminé.",
    ),
    read_only=(
        "Modifications suspendues",
        "Nous y travaillons. Vous pouvez continuer à lire, mais rien ne peut être modifié pour le moment.",
    ),
    unsent="Ce que vous avez envoyé n’a pas été transmis, et rien n’a été enregistré.",
    unsent_advice="Revenez à la page précédente pour retrouver ce que vous avez écrit, et renvoyez-le plus tard.",
    expected="Retour prévu",
    worth_another_look="Nouvel essai possible",
    try_now="Réessayer maintenant",
    return_to_form="Revenir à ce que vous avez écrit",
    open_without_sending="Ouvrir cette page sans rien envoyer",
    open_again="Ouvrir de nouveau cette page",
    again="Réessayez {when}",
    again_now="Réessayez",
    percent="{percent} % effectués",
    spans=Spans(
        soon="dans moins d’une minute",
        minutes=(
            "dans environ une minute",
            "dans environ {n} minutes",
        ),
        hours=(
            "dans environ une heure",
            "dans environ {n} heures",
        ),
        days=(
            "dans environ un jour",
            "dans environ {n} jours",
        ),
        form=lambda n: int(n > 1),
    ),
    looking=Looking(
        checking="Vérification…",
        looks="Cette page vérifie d’elle-même.",
        looked="Cette page vérifie d’elle-même. Dernière vérification : {time}",
        offline="Vous semblez être hors ligne. Cette page reprendra dès votre retour.",
        silent="Pas de réponse pour l’instant. Cette page vérifie d’elle-même.",
        open="C’est de nouveau ouvert. On y va.",
        open_unsent="C’est de nouveau ouvert. Revenez à ce que vous avez écrit et envoyez-le encore une fois.",
    ),
    errors={
        "Bad gateway": "Site injoignable",
        "The site cannot be reached just now, or gave no answer that makes sense.": "Le site est injoignable pour l’instant, ou sa réponse n’a pas de sens.",
        "Gateway timeout": "Délai dépassé",
        "The site took too long to answer.": "Le site a mis trop de temps à répondre.",
        "Service unavailable": "Indisponible pour le moment",
        "Too many connections": "Trop de connexions",
        "the gateway is at its limit": "Il y a trop de visiteurs pour le moment.",
        "Request timeout": "Délai de la requête dépassé",
        "the request took too long to arrive": "La requête a mis trop de temps à arriver.",
        "Your bypass link has expired or was revoked.": "Votre lien d’accès a expiré ou a été révoqué.",
    },
)
