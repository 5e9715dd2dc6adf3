"""What exports call their columns, by attribute and language.

One table for people to add to. Case, accents, blanks and punctuation do not count. Hindi is transliterated.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache

__all__ = ["HEADERS", "meanings", "plain"]

HEADERS: dict[str, dict[str, str]] = {
    "EMAIL": {
        "en": "email, e-mail, email address, e-mail address, mail, contact email, primary email, email id",
        "de": "e-mail-adresse, emailadresse, mailadresse, mail-adresse",
        "fr": "courriel, adresse e-mail, adresse email, adresse courriel, mél, adresse électronique",
        "es": "correo, correo electrónico, dirección de correo, dirección de correo electrónico",
        "pt": "e-mail do cliente, endereço de e-mail, correio eletrônico, correio eletrónico",
        "it": "indirizzo e-mail, indirizzo email, posta elettronica, indirizzo di posta elettronica",
        "hi": "email pata, e-mail pata, mail pata",
        "ar": "البريد الإلكتروني, البريد الالكتروني, الايميل, الإيميل, "
        "عنوان البريد الإلكتروني, بريد إلكتروني",
        "ja": "メールアドレス, メール, eメール, 電子メール, e-mailアドレス, emailアドレス",
    },
    "MOBILE": {
        "en": "mobile, mobile number, mobile phone, phone, phone number, cell, cell phone, telephone, "
        "contact number, mobile no, phone no, msisdn, whatsapp, whatsapp number",
        "de": "handy, handynummer, mobil, mobilnummer, mobiltelefon, telefon, "
        "telefonnummer, rufnummer, handy-nr",
        "fr": "portable, téléphone portable, téléphone, mobile, numéro de téléphone, "
        "numéro de portable, tél, gsm",
        "es": "móvil, celular, teléfono móvil, teléfono, "
        "número de teléfono, teléfono celular, número de móvil",
        "pt": "celular, telemóvel, telefone, número de telefone, telefone celular, número de celular",
        "it": "cellulare, telefono, telefono cellulare, numero di telefono, numero di cellulare",
        "hi": "mobile sankhya, phone sankhya, dooribhash, doorbhash, sampark number, mobile nambar",
        "ar": "رقم الجوال, الجوال, رقم الهاتف, الهاتف, رقم الموبايل, الموبايل, الهاتف المحمول, رقم المحمول",
        "ja": "携帯電話, 携帯電話番号, 携帯, 携帯番号, 電話番号, 電話",
    },
    "FIRST_NAME": {
        "en": "first name, given name, forename, fname, firstname",
        "de": "vorname, rufname",
        "fr": "prénom",
        "es": "nombre, nombres, primer nombre",
        "pt": "nome, primeiro nome, nome próprio",
        "it": "nome, nome di battesimo",
        "hi": "naam, pehla naam, pratham naam, nam",
        "ar": "الاسم الأول, الاسم الاول, الاسم",
        "ja": "名, 名前, 名前(名), お名前(名)",
    },
    "LAST_NAME": {
        "en": "last name, surname, family name, lname, lastname",
        "de": "nachname, name, familienname, zuname",
        "fr": "nom, nom de famille",
        "es": "apellido, apellidos",
        "pt": "sobrenome, apelido, último nome",
        "it": "cognome",
        "hi": "upnaam, kulnaam, antim naam, upnam",
        "ar": "اسم العائلة, اللقب, الاسم الأخير, الاسم الاخير, العائلة",
        "ja": "姓, 苗字, 氏, お名前(姓)",
    },
    "GENDER": {
        "en": "gender, sex",
        "de": "geschlecht, anrede",
        "fr": "sexe, genre, civilité",
        "es": "sexo, género",
        "pt": "sexo, gênero, género",
        "it": "sesso, genere",
        "hi": "ling",
        "ar": "الجنس, النوع",
        "ja": "性別",
    },
    "DOB": {
        "en": "dob, date of birth, birth date, birthdate, birthday",
        "de": "geburtsdatum, geburtstag, geb.datum, geb-datum",
        "fr": "date de naissance, né le, née le, anniversaire",
        "es": "fecha de nacimiento, nacimiento, cumpleaños",
        "pt": "data de nascimento, nascimento, aniversário",
        "it": "data di nascita, nascita, compleanno",
        "hi": "janm tithi, janam tithi, janmtithi, janmdin",
        "ar": "تاريخ الميلاد, تاريخ الولادة",
        "ja": "生年月日, 誕生日",
    },
    "AGE": {
        "en": "age", "de": "alter", "fr": "âge", "es": "edad",
        "pt": "idade", "it": "età", "hi": "umra, aayu",
        "ar": "العمر", "ja": "年齢",
    },
    "COMPANY": {
        "en": "company, employer, organisation, organization",
        "de": "firma, unternehmen, arbeitgeber",
        "fr": "société, entreprise",
        "es": "empresa, compañía",
        "pt": "empresa, companhia",
        "it": "azienda, ditta, società",
        "hi": "company ka naam, sansthan",
        "ar": "الشركة",
        "ja": "会社, 会社名, 勤務先",
    },
    "ADDRESS": {
        "en": "address, street, street address, postal address, address line 1",
        "de": "adresse, anschrift, straße, strasse, straße und hausnummer",
        "fr": "adresse, rue, adresse postale",
        "es": "dirección, domicilio, calle",
        "pt": "endereço, morada, logradouro, rua",
        "it": "indirizzo, via",
        "hi": "pata, ghar ka pata",
        "ar": "العنوان, الشارع",
        "ja": "住所, 番地",
    },
    "CITY": {
        "en": "city, town",
        "de": "ort, stadt, wohnort",
        "fr": "ville, commune, localité",
        "es": "ciudad, población, localidad, municipio",
        "pt": "cidade, localidade, município",
        "it": "città, comune, località",
        "hi": "shahar, sheher, nagar",
        "ar": "المدينة",
        "ja": "市区町村, 市, 都市",
    },
    "STATE": {
        "en": "state, province, region, county",
        "de": "bundesland, kanton, region",
        "fr": "région, département, province",
        "es": "provincia, estado, comunidad",
        "pt": "estado, uf, distrito",
        "it": "provincia, prov, regione",
        "hi": "rajya, pradesh",
        "ar": "المنطقة, المحافظة, الولاية",
        "ja": "都道府県, 県",
    },
    "POSTAL_CODE": {
        "en": "postal code, zip, zip code, postcode, zipcode, pin code, pincode",
        "de": "plz, postleitzahl",
        "fr": "code postal, cp",
        "es": "código postal, cp",
        "pt": "cep, código postal",
        "it": "cap, codice postale, codice di avviamento postale",
        "hi": "pin, pin code sankhya, dak code",
        "ar": "الرمز البريدي",
        "ja": "郵便番号, 〒",
    },
    "COUNTRY": {
        "en": "country, country code",
        "de": "land, staat, länderkennzeichen",
        "fr": "pays",
        "es": "país",
        "pt": "país",
        "it": "paese, nazione, stato",
        "hi": "desh",
        "ar": "الدولة, البلد",
        "ja": "国, 国名",
    },
    "LANGUAGE": {
        "en": "language, locale", "de": "sprache", "fr": "langue",
        "es": "idioma, lengua", "pt": "idioma, língua",
        "it": "lingua", "hi": "bhasha", "ar": "اللغة", "ja": "言語",
    },
    "CUSTOMER_ID": {
        "en": "customer id, customer number, customer no, client id, contact id, id, customer code",
        "de": "kundennummer, kundennr, kunden-nr, kunden-id, kd-nr",
        "fr": "numéro client, n° client, id client, code client, identifiant",
        "es": "número de cliente, id cliente, código de cliente, n.º cliente",
        "pt": "número do cliente, código do cliente, id do cliente",
        "it": "codice cliente, numero cliente, id cliente",
        "hi": "grahak sankhya, grahak id",
        "ar": "رقم العميل",
        "ja": "顧客番号, 顧客id, お客様番号, 会員番号",
    },
    "LOYALTY_ID": {
        "en": "loyalty id, loyalty number, loyalty card, card number, membership number",
        "de": "kundenkarte, kundenkartennummer, bonuskarte, mitgliedsnummer",
        "fr": "carte de fidélité, numéro de carte, numéro de fidélité",
        "es": "tarjeta de fidelidad, número de tarjeta, número de socio",
        "pt": "cartão fidelidade, número do cartão, cartão de fidelidade",
        "it": "carta fedeltà, numero tessera, tessera",
        "hi": "sadasyata sankhya",
        "ar": "رقم العضوية, بطاقة الولاء",
        "ja": "会員カード番号, ポイントカード番号",
    },
    "SIGNUP_DATE": {
        "en": "signup date, sign-up date, registration date, registered, "
        "created, created at, customer since",
        "de": "anmeldedatum, registriert am, kunde seit, angelegt am, registrierungsdatum",
        "fr": "date d'inscription, inscrit le, date de création, client depuis",
        "es": "fecha de alta, fecha de registro, cliente desde",
        "pt": "data de cadastro, data de registro, data de registo, cliente desde",
        "it": "data di registrazione, data di iscrizione, cliente dal",
        "hi": "panjikaran tithi",
        "ar": "تاريخ التسجيل, تاريخ الاشتراك",
        "ja": "登録日, 会員登録日, 入会日",
    },
    "LAST_PURCHASE": {
        "en": "last purchase, last purchase date, last order, last order date",
        "de": "letzter kauf, letzte bestellung, letzter einkauf",
        "fr": "dernier achat, date du dernier achat, dernière commande",
        "es": "última compra, fecha de última compra, último pedido",
        "pt": "última compra, data da última compra",
        "it": "ultimo acquisto, data ultimo acquisto, ultimo ordine",
        "hi": "antim kharid, antim kharid tithi",
        "ar": "آخر شراء, تاريخ آخر شراء",
        "ja": "最終購入日",
    },
    "OPT_IN": {
        "en": "opt in, opt-in, consent, newsletter, subscribed, marketing consent",
        "de": "einwilligung, werbeeinwilligung, newsletter, newsletter-anmeldung",
        "fr": "consentement, newsletter, abonné, opt-in",
        "es": "consentimiento, suscrito, boletín, acepta publicidad",
        "pt": "consentimento, aceita marketing, inscrito",
        "it": "consenso, consenso marketing, iscritto",
        "hi": "sahmati, anumati",
        "ar": "الموافقة, موافقة التسويق",
        "ja": "メルマガ, メール配信, 配信許可, 同意",
    },
}  # fmt: skip


def plain(text: str) -> str:
    """The letters and digits of a text, without accents, in small letters."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in parts if char.isalnum())


@cache
def meanings() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """By a column's plain name: each attribute that it may be, with the languages that call it so."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for attribute, languages in HEADERS.items():
        for language, words in [*languages.items(), ("en", attribute)]:
            for word in words.split(","):
                by_attribute = found.setdefault(plain(word), {})
                by_attribute[attribute] = (*by_attribute.get(attribute, ()), language)
    return found
