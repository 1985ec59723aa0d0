"""What customers write about, in the themes of the knowledge base, and what support answers."""

from typing import NamedTuple

from toolservers.crm.packs.chance import Chance


class Theme(NamedTuple):
    """`when` is an order's status that it fits, or `business` for what no order is about. Texts may name {order},
    {product}, {total} and {street}."""

    when: str
    title: str
    asks: tuple[str, ...]
    answers: tuple[str, ...]
    notes: tuple[str, ...] = ()
    team: str = "support"
    priority: str = "normal"
    in_dutch: str = ""
    in_german: str = ""
    in_french: str = ""


_LOOKING = "I am looking into it and write again today."

THEMES = (
    Theme("shipped", "Where is my order?", (
        "Order {order} has not come yet. Where is it, and when will it arrive?",
        "The tracking of {order} has not moved for days. Is my {product} lost?",
    ), ("The parcel is with the carrier; the last scan is in the tracking. It should be there soon.", _LOOKING),
        in_dutch="Waar blijft mijn bestelling {order}? De tracking staat al dagen stil.",
        in_german="Wo bleibt meine Bestellung {order}? Die Sendungsverfolgung steht seit Tagen still.",
        in_french="Où en est ma commande {order} ? Le suivi ne bouge plus depuis plusieurs jours."),
    Theme("shipped", "Deliver to another address", (
        "I am away this week. Can {order} still go to my neighbour at number 12, {street}?",
        "We are moving on Friday. Can you send {order} to the new address?",
    ), ("It has left already; I ask the carrier for a redirection.",),
        in_dutch="Wij zijn deze week weg. Kan {order} naar een ander adres?",
        in_german="Wir ziehen um. Kann {order} an eine andere Adresse gehen?"),
    Theme("placed", "Please change the address", (
        "I gave the old address with {order}. Please send it to {street} 3 instead.",
        "Can {order} go to my office? I forgot to change the address.",
    ), ("It has not been packed yet, so that can be done. What is the full address?",)),
    Theme("placed", "Cancel my order", (
        "I ordered {product} twice by mistake. Please cancel {order}.",
        "Please cancel {order}; I found out that we have one already.",
    ), ("I cancel it if the warehouse has not sent it yet.",),
        in_dutch="Kunt u {order} annuleren? Ik heb per ongeluk twee keer besteld.",
        in_german="Bitte stornieren Sie {order}, ich habe versehentlich doppelt bestellt."),
    Theme("packed", "Stop the parcel, please", (
        "Can {order} still be stopped? I will not need it.",
        "I saw that {order} is packed. I wanted another colour. Can you stop it?",
    ), ("If it has not left Venlo, the warehouse can stop it. I ask them.",), team="warehouse"),
    Theme("delivered", "Arrived damaged", (
        "The box of {order} was dented, and the {product} inside is broken. What can you do?",
        "My {product} came with a crack. I have photos of it and of the box.",
        "One part of the {product} is missing from {order}. I would like the missing part or my money back.",
    ), ("We are sorry. Please send a photo of the item and of the box; then you choose: a new one or your money.",),
        ("Photos received; breakage is clear.",),
        in_dutch="De doos van {order} was ingedeukt en er is iets gebroken. Wat kunt u doen?",
        in_german="Der Karton von {order} war eingedrückt, und innen ist etwas zerbrochen. Was können Sie tun?",
        in_french="Le carton de {order} était abîmé et un article est cassé. Que pouvez-vous faire ?"),
    Theme("delivered", "Sending something back", (
        "I do not like the {product} as much as I thought. It is unused. How do I send it back?",
        "Can I return {order}? It is still in its box.",
    ), ("The label is in your mail. 3.90 EUR for it will be taken off the refund.",),
        in_dutch="Ik wil {order} graag terugsturen. Alles is ongebruikt. Hoe doe ik dat?",
        in_german="Ich möchte {order} zurückschicken, alles ist unbenutzt. Wie geht das?",
        in_french="Je voudrais renvoyer {order}, tout est neuf. Comment faire ?"),
    Theme("delivered", "A charge that I do not recognise", (
        "My bank shows {total} twice for {order}. I ordered once only. What is the second charge?",
        "There is a charge of {total} from you that I cannot explain. Was my card used by somebody else?",
    ), ("I have looked at the payments and pass this to the colleagues who know such charges.",),
        ("Handed over: one order, one captured payment; the customer sees two.",), "fraud", "high"),
    Theme("delivered", "Cheaper elsewhere", (
        "I saw the {product} for less in another shop two days after I bought it. Do you match the price?",
    ), ("Please send a link to the offer. If it is the same item and in stock there, we pay the difference.",)),
    Theme("delivered", "It stopped working", (
        "The {product} of {order} does not work any more. Is that a case for the warranty?",
        "After some weeks my {product} makes a strange noise. What shall I do?",
    ), ("It is under warranty. Please tell me the serial number under its base.",)),
    Theme("delivered", "Invoice for my order", (
        "I need an invoice with our VAT number for {order}.", "Can you send the invoice of {order} again?",
    ), ("Here it is, and you find all of them on your account's page.",), priority="low"),
    Theme("delivered", "Points are missing", (
        "I got no Fern Points for {order}. I was logged in.",
    ), ("Points are credited when the 30 days for returns are over. Please look again then.",), priority="low"),
    Theme("returned", "Where is my refund?", (
        "You have had {order} back for a while. When do I get my money?",
        "The return of {order} was received, but I do not see the refund at my bank.",
    ), ("It was issued the day it was checked; banks take up to 5 working days.",),
        in_dutch="Mijn retour van {order} is ontvangen. Wanneer krijg ik mijn geld?",
        in_german="Die Rücksendung von {order} ist bei Ihnen. Wann kommt mein Geld?"),
    Theme("cancelled", "Was my card charged?", (
        "{order} was cancelled, but my bank still shows {total} as reserved. When does it go away?",
    ), ("It was not taken, or has been given back. The bank releases a reservation on its own.",)),
    Theme("private", "Stop the Refill Club for a while", (
        "I have filters for months. Please stop it for now.",
        "The deliveries come too often for the two of us. What can be changed?",
    ), ("Gladly. Shall I pause it for up to 3 months, or would a longer rhythm suit you better?",), priority="low",
        in_german="Ich habe noch Filter für Monate. Bitte halten Sie das Abo vorerst an."),
    Theme("private", "Delete my data", (
        "Please delete my account and all data that you have about me.",
    ), ("I pass it to the privacy team, who will write to you.",), team="privacy"),
    Theme("private", "A mail that asks for my password", (
        "I got a mail in your name that asks for my password and a gift card code. Is that really you?",
    ), ("It is not: we never ask for a password. Please do not answer it, and send it to us.",), team="fraud",
        priority="high"),
    Theme("business", "Single sign-on for our team", (
        "We want to log in to Connect with our own identity provider (OpenID Connect). How is it configured?",
        "After we switched on single sign-on, two users get an error at the callback. What is missing?",
    ), ("The steps are on the page about single sign-on; the administrator needs the issuer and the client id.",),
        team="business"),
    Theme("business", "403 when creating orders through the API", (
        "GET works, but POST /v1/orders answers 403 with our new live key.",
        "Since this morning our key gets 403 on every call. Nothing was changed on our side.",
    ), ("Please check that the key has the scope for writing; keys begin with read only.",), team="business"),
    Theme("business", "Penalty under our service level", (
        "Our last delivery came later than agreed. What does the service level give us for the delay?",
    ), ("I work it out from the promised date and ask a support lead to approve the credit memo.",),
        team="business", priority="high"),
    Theme("business", "A call about our contract", (
        "We would like to talk about a larger plan, with our buyer. Do you have half an hour next week?",
    ), ("Gladly; I send an invitation with the report of the last quarter.",), team="business"),
)  # fmt: skip

_BY_STATUS = {
    status: tuple(theme for theme in THEMES if theme.when == status)
    for status in ("placed", "packed", "shipped", "delivered", "returned", "cancelled", "private", "business")
}
GREETINGS = {"en": "Hello,", "nl": "Goedendag,", "de": "Guten Tag,", "fr": "Bonjour,"}


def theme_for(chance: Chance, status: str, is_business: bool) -> Theme:
    """What a customer with an order in this state writes about; now and then it is not the order."""
    if chance.happens(40 if is_business else 12):
        status = "business" if is_business else "private"
    return chance.one(_BY_STATUS[status])


def asked(chance: Chance, theme: Theme, language: str, named: dict[str, str]) -> str:
    own = {"nl": theme.in_dutch, "de": theme.in_german, "fr": theme.in_french}.get(language, "")
    text = own if own and chance.happens(70) else chance.one(theme.asks)
    greeting = GREETINGS[language if text is own else "en"] + "\n" if chance.happens(50) else ""
    return greeting + text.format_map(named)
