"""Arabic."""

from __future__ import annotations

from gateway.pages.words import Looking, Spans, Words


def _form(count: int) -> int:
    # CLDR's one, two, few, many and other. No span is of zero.
    if count <= 2:
        return count - 1
    if 3 <= count % 100 <= 10:
        return 2
    return 3 if count % 100 >= 11 else 4


ARABIC = Words(
    tag="ar",
    site=("الموقع قيد الصيانة", "نعمل حاليًا على الموقع، وسيعود فور انتهائنا."),
    feature=("مغلق للصيانة", "نعمل حاليًا على هذا الجزء من الموقع، وسيعود فور انتهائنا."),
    user=("حسابك قيد الصيانة", "سيُفتح لك هذا الجزء من الموقع مجددًا فور انتهائنا."),
    read_only=(
        "التعديلات متوقفة مؤقتًا",
        "نعمل حاليًا على ذلك. يمكنك متابعة القراءة، لكن لا يمكن تعديل أي شيء في الوقت الحالي.",
    ),
    unsent="لم يصل ما أرسلته، ولم يُحفظ أي شيء.",
    unsent_advice="ارجع إلى الصفحة السابقة لتجد ما كتبته، ثم أعد إرساله لاحقًا.",
    expected="العودة المتوقعة",
    worth_another_look="يمكن المحاولة من جديد",
    try_now="حاول الآن من جديد",
    return_to_form="ارجع إلى ما كتبته",
    open_without_sending="افتح هذه الصفحة دون إرسال أي شيء",
    open_again="افتح هذه الصفحة من جديد",
    again="حاول من جديد {when}",
    again_now="حاول من جديد",
    percent="اكتمل {percent}%",
    spans=Spans(
        soon="خلال أقل من دقيقة",
        minutes=(
            "خلال دقيقة تقريبًا",
            "خلال دقيقتين تقريبًا",
            "خلال {n} دقائق تقريبًا",
            "خلال {n} دقيقة تقريبًا",
        ),
        hours=(
            "خلال ساعة تقريبًا",
            "خلال ساعتين تقريبًا",
            "خلال {n} ساعات تقريبًا",
            "خلال {n} ساعة تقريبًا",
        ),
        days=(
            "خلال يوم تقريبًا",
            "خلال يومين تقريبًا",
            "خلال {n} أيام تقريبًا",
            "خلال {n} يومًا تقريبًا",
            "خلال {n} يوم تقريبًا",
        ),
        form=_form,
    ),
    looking=Looking(
        checking="جارٍ التحقق…",
        looks="تتحقق هذه الصفحة من جديد تلقائيًا.",
        looked="تتحقق هذه الصفحة من جديد تلقائيًا. آخر تحقق: {time}",
        offline="يبدو أنك غير متصل بالإنترنت. ستتابع هذه الصفحة عند عودة الاتصال.",
        silent="لا توجد استجابة الآن. تتحقق هذه الصفحة من جديد تلقائيًا.",
        open="الموقع مفتوح من جديد. هيا بنا.",
        open_unsent="الموقع مفتوح من جديد. ارجع إلى ما كتبته وأرسله مرة أخرى.",
    ),
    errors={
        "Bad gateway": "تعذر الوصول إلى الموقع",
        "The site cannot be reached just now, or gave no answer that makes sense.": "تعذر الوصول إلى الموقع الآن، أو لم تكن استجابته مفهومة.",
        "Gateway timeout": "انتهت المهلة",
        "The site took too long to answer.": "استغرق الموقع وقتًا طويلًا للرد.",
        "Service unavailable": "غير متاح حاليًا",
        "Too many connections": "اتصالات كثيرة جدًا",
        "the gateway is at its limit": "عدد الزوار كبير جدًا في الوقت الحالي.",
        "Request timeout": "انتهت مهلة الطلب",
        "the request took too long to arrive": "استغرق وصول الطلب وقتًا طويلًا.",
        "Your bypass link has expired or was revoked.": "انتهت صلاحية رابط الدخول الخاص بك أو أُلغي.",
    },
    right_to_left=True,
)
