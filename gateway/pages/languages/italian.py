"""Italian."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words

ITALIAN = Words(
    tag="it",
    site=("Sito in manutenzione", "Stiamo lavorando al sito. Tornerà non appena avremo finito."),
    feature=(
        "Chiuso per manutenzione",
        "Stiamo lavorando a questa parte del sito. Tornerà non appena avremo finito.",
    ),
    user=(
        "Stiamo lavorando al tuo account",
        "Questa parte del sito ti sarà di nuovo aperta non appena avremo finito.",
    ),
    read_only=(
        "Modifiche sospese",
        "Ci stiamo lavorando. Puoi continuare a leggere, ma per ora non si può modificare nulla.",
    ),
    unsent="Quello che hai inviato non è stato inoltrato e non è stato salvato nulla.",
    unsent_advice="Torna alla pagina precedente per ritrovare quello che hai scritto e invialo di nuovo più tardi.",
    expected="Ritorno previsto",
    worth_another_look="Vale la pena riprovare",
    try_now="Riprova ora",
    return_to_form="Torna a quello che hai scritto",
    open_without_sending="Apri questa pagina senza inviare nulla",
    open_again="Apri di nuovo questa pagina",
    again="Riprova {when}",
    again_now="Riprova",
    percent="{percent} % completato",
    spans=Spans(
        soon="tra meno di un minuto",
        minutes=(
            "tra circa un minuto",
            "tra circa {n} minuti",
        ),
        hours=(
            "tra circa un’ora",
            "tra circa {n} ore",
        ),
        days=(
            "tra circa un giorno",
            "tra circa {n} giorni",
        ),
        form=lambda n: int(n != 1),
    ),
    looking=Looking(
        checking="Controllo in corso…",
        looks="Questa pagina ricontrolla da sola.",
        looked="Questa pagina ricontrolla da sola. Ultimo controllo: {time}",
        offline="Sembra che tu sia offline. Questa pagina riprenderà quando tornerai in linea.",
        silent="Al momento nessuna risposta. Questa pagina ricontrolla da sola.",
        open="È di nuovo aperto. Si va.",
        open_unsent="È di nuovo aperto. Torna a quello che hai scritto e invialo un’altra volta.",
    ),
    errors={
        "Bad gateway": "Sito non raggiungibile",
        "The site cannot be reached just now, or gave no answer that makes sense.": "Al momento il sito non è raggiungibile, o la sua risposta non ha senso.",
        "Gateway timeout": "Tempo scaduto",
        "The site took too long to answer.": "Il sito ha impiegato troppo tempo a rispondere.",
        "Service unavailable": "Al momento non disponibile",
        "Too many connections": "Troppe connessioni",
        "the gateway is at its limit": "Al momento ci sono troppi visitatori.",
        "Request timeout": "Tempo della richiesta scaduto",
        "the request took too long to arrive": "La richiesta ha impiegato troppo tempo ad arrivare.",
        "Your bypass link has expired or was revoked.": "Il suo link di accesso è scaduto o è stato revocato.",
    },
)
