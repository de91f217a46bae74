"""Spanish."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

SPANISH = Words(
    tag="es",
    site=("En mantenimiento", "Estamos trabajando en el sitio. Volverá en cuanto terminemos."),
    feature=(
        "Cerrado por mantenimiento",
        "Estamos trabajando en esta parte del sitio. Volverá en cuanto terminemos.",
    ),
    user=(
        "Estamos trabajando en su cuenta",
        "Esta parte del sitio volverá a estar abierta para usted en cuanto terminemos.",
    ),
    read_only=(
        "Los cambios están en pausa",
        "Estamos trabajando en ello. Puede seguir leyendo, pero de momento no se puede cambiar nada.",
    ),
    unsent="Lo que ha enviado no ha llegado a su destino y no se ha guardado nada.",
    unsent_advice="Vuelva a la página anterior para recuperar lo que escribió y envíelo de nuevo más tarde.",
    expected="Vuelta prevista",
    worth_another_look="Merece otro intento",
    try_now="Intentar de nuevo ahora",
    return_to_form="Volver a lo que escribió",
    open_without_sending="Abrir esta página sin enviar nada",
    open_again="Abrir esta página de nuevo",
    again="Inténtelo de nuevo {when}",
    again_now="Inténtelo de nuevo",
    percent="{percent} % completado",
    spans=Spans(
        soon="en menos de un minuto",
        minutes=(
            "en un minuto aproximadamente",
            "en unos {n} minutos",
        ),
        hours=(
            "en una hora aproximadamente",
            "en unas {n} horas",
        ),
        days=(
            "en un día aproximadamente",
            "en unos {n} días",
        ),
        form=lambda n: int(n != 1),
    ),
    looking=Looking(
        checking="Comprobando…",
        looks="Esta página vuelve a comprobarlo por sí sola.",
        looked="Esta página vuelve a comprobarlo por sí sola. Última vez: {time}",
        offline="Parece que no tiene conexión. Esta página continuará cuando la recupere.",
        silent="Ahora mismo no hay respuesta. Esta página vuelve a comprobarlo por sí sola.",
        open="Ya está abierto de nuevo. Vamos allá.",
        open_unsent="Ya está abierto de nuevo. Vuelva a lo que escribió y envíelo una vez más.",
    ),
    errors={
        "Bad gateway": "No se puede acceder al sitio",
        "The site cannot be reached just now, or gave no answer that makes sense.": "Ahora mismo no se puede acceder al sitio, o su respuesta no tiene sentido.",
        "Gateway timeout": "Tiempo de espera agotado",
        "The site took too long to answer.": "El sitio ha tardado demasiado en responder.",
        "Service unavailable": "No disponible por el momento",
        "Too many connections": "Demasiadas conexiones",
        "the gateway is at its limit": "Hay demasiados visitantes en este momento.",
        "Request timeout": "Tiempo de la solicitud agotado",
        "the request took too long to arrive": "La solicitud ha tardado demasiado en llegar.",
        "Your bypass link has expired or was revoked.": "Su enlace de acceso ha caducado o ha sido revocado.",
    },
)
