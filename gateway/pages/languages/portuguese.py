"""Portuguese."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

PORTUGUESE = Words(
    tag="pt",
    site=("Em manutenção", "Estamos trabalhando no site. Ele voltará assim que terminarmos."),
    feature=(
        "Fechado para manutenção",
        "Estamos trabalhando nesta parte do site. Ela voltará assim que terminarmos.",
    ),
    user=(
        "A sua conta está em manutenção",
        "Esta parte do site voltará a estar aberta para você assim que terminarmos.",
    ),
    read_only=(
        "Alterações em pausa",
        "Estamos trabalhando nisso. Você pode continuar lendo, mas por enquanto nada pode ser alterado.",
    ),
    unsent="O que você enviou não foi encaminhado e nada foi salvo.",
    unsent_advice="Volte à página anterior para encontrar o que escreveu e envie de novo mais tarde.",
    expected="Volta prevista",
    worth_another_look="Vale tentar de novo",
    try_now="Tentar de novo agora",
    return_to_form="Voltar ao que você escreveu",
    open_without_sending="Abrir esta página sem enviar nada",
    open_again="Abrir esta página de novo",
    again="Tente de novo {when}",
    again_now="Tente de novo",
    percent="{percent} % concluído",
    spans=Spans(
        soon="em menos de um minuto",
        minutes=(
            "em cerca de um minuto",
            "em cerca de {n} minutos",
        ),
        hours=(
            "em cerca de uma hora",
            "em cerca de {n} horas",
        ),
        days=(
            "em cerca de um dia",
            "em cerca de {n} dias",
        ),
        form=lambda n: int(n > 1),
    ),
    looking=Looking(
        checking="Verificando…",
        looks="Esta página verifica de novo sozinha.",
        looked="Esta página verifica de novo sozinha. Última verificação: {time}",
        offline="Parece que você está sem conexão. Esta página continua quando ela voltar.",
        silent="Sem resposta agora. Esta página verifica de novo sozinha.",
        open="Está aberto de novo. Vamos lá.",
        open_unsent="Está aberto de novo. Volte ao que você escreveu e envie mais uma vez.",
    ),
    errors={
        "Bad gateway": "Site inacessível",
        "The site cannot be reached just now, or gave no answer that makes sense.": "No momento o site está inacessível, ou a sua resposta não faz sentido.",
        "Gateway timeout": "Tempo esgotado",
        "The site took too long to answer.": "O site demorou demais para responder.",
        "Service unavailable": "Indisponível no momento",
        "Too many connections": "Conexões demais",
        "the gateway is at its limit": "Há visitantes demais no momento.",
        "Request timeout": "Tempo da solicitação esgotado",
        "the request took too long to arrive": "A solicitação demorou demais para chegar.",
        "Your bypass link has expired or was revoked.": "O seu link de acesso expirou ou foi revogado.",
    },
)
