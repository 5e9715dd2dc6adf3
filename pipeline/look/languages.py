"""What exports in a language have in common, beside the names of their columns (words.py)."""

from __future__ import annotations

IN_ENGLISH = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "it": "Italian",
    "hi": "Hindi", "ar": "Arabic", "ja": "Japanese",
}  # fmt: skip
# How the first words of a line begin that sums up a table, or counts it.
TOTALS = (
    "total, grand total, totals, sum, records, rows, count, end of file, end of report, "
    "summe, gesamt, gesamtsumme, anzahl, datensätze, kontakte, ende, "
    "totaux, somme, nombre, enregistrements, fin, suma, registros, fin del informe, "
    "totale, totali, righe, soma, linhas, registos, kul, yog, jod, المجموع, الإجمالي, "
    "الاجمالي, عدد, 合計, 総計, 件数, 件"
)
# Words for a gender, and for yes and no, as a language's exports write them.
GENDERS = {
    "de": "m, w, d, männlich, weiblich, divers, Männlich, Weiblich, Divers, Herr, Frau",
    "fr": "H, F, homme, femme, Homme, Femme, M., Mme, Mlle, M",
    "es": "H, M, hombre, mujer, Hombre, Mujer, masculino, femenino, Masculino, Femenino",
    "pt": "masculino, feminino, Masculino, Feminino, homem, mulher",
    "it": "maschio, femmina, Maschio, Femmina, uomo, donna, Uomo, Donna",
    "hi": "purush, mahila, Purush, Mahila, stri, Stri",
    "ar": "ذكر, أنثى, انثى",
    "ja": "男, 女, 男性, 女性, その他",
}
YES_OR_NO = {
    "de": "ja, nein, Ja, Nein, JA, NEIN, J, N",
    "fr": "oui, non, Oui, Non, OUI, NON, O, N",
    "es": "sí, si, no, Sí, Si, No, SÍ, SI, NO, S, N",
    "pt": "sim, não, Sim, Não, SIM, NÃO, S, N",
    "it": "sì, si, no, Sì, Si, No, SÌ, SI, NO, S, N",
    "hi": "haan, nahi, Haan, Nahi, haan ji, nahin",
    "ar": "نعم, لا",
    "ja": "はい, いいえ, 可, 不可, 希望する, 希望しない",
}
# Where numbers of an export in a language may be dialled; of equals the first is taken.
REGIONS = {
    "en": ("US", "GB", "IN", "AU", "CA", "ZA", "IE", "NZ", "SG"),
    "de": ("DE", "AT", "CH"),
    "fr": ("FR", "BE", "CH", "CA", "MA"),
    "es": ("ES", "MX", "AR", "CO", "CL", "PE"),
    "pt": ("BR", "PT"),
    "it": ("IT", "CH"),
    "hi": ("IN",),
    "ar": ("SA", "AE", "EG", "MA", "JO", "KW"),
    "ja": ("JP",),
}
