"""Words that mean the same, or that people say when they mean another: what `gateway.core.word_forms` looks up.

General English of offices, shops and homes. No tool of ours or of anybody is named.
"""

SILENT = """
a about after again all already also always am an and any anybody anyone anything are as ask at be because
been before being both but by came can come could did do does doing don either else even ever every everybody
everyone everything few for from get gets getting go goes going got had has have having he her here hers him
his how i if in into is isn it its just know let lets like ll look looks make makes many may me might mine
more most much must my near need needs never no nobody none nor not nothing now of often oh ok on one only
onto or other our ours out over own per please put really same say says see she should since so some somebody
someone something soon still such take tell than thank thanks that the their theirs them then there these they
thing things this those through to too until up upon us use used ve very via want wants was way we well went
were what when where which while who whom whose why will with without would yes yet you your yours
"""
"""Words of which a query says nothing."""


PHRASES = """
look up: find
look for: find
looking for: find
set up: create
call off: cancel
called off: cancel
call it: cancel
rid of: delete
turn down: reject
throw away: delete
give back: refund
money back: refund
pay back: refund
paid back: refund
send back: return
bring back: restore
put back: restore
go back: restore rollback
roll back: rollback
undo: revert
take off: leave
took off: leave
time off: leave absence
day off: leave
days off: leave
week off: leave
take over: assign owner
takes over: assign owner
hand over: assign owner
in charge: owner responsible
to do: task
log in: login
sign in: login
sign up: register
signed up: register
let know: notify
eye on: monitor
pull request: pullrequest
merge request: pullrequest
answering machine: voicemail
text message: sms
gift card: gift voucher
on duty: call
how many: count number quantity
how much: amount cost
how long: duration time
how busy: workload capacity
what is: get
where is: location find track
where are: location find
who is: person find
is there: find search
are there: list find
show me: get show
find out: get
put on: play add
turn on: start switch
turn off: stop switch
switch on: start
switch off: stop
on fire: alert incident
is down: outage incident
goes down: outage uptime
went down: outage incident
as an image: picture
point in: time
a break: pause
get well: health
quarter to: time
business trip: travel trip
per cent: percent
out of: low
run out: low stock
running out: low left
sold out: stock
second level: tier escalate
at fault: blame
look like: screenshot picture
looks like: screenshot picture
last line: append end
at the end: append
next one: skip next
not working: broken
doesn't work: broken
"""
"""Two words, and what is looked for beside them."""

CONCEPTS = """
create add new make open register insert: set start put start prepare
create write compose draft: type up
create build generate produce: make
list show overview: all which any display
get show view read retrieve fetch display: see check give open tell
find search locate query: seek where lookup whether exist anybody somewhere hunt dig
update change edit modify adjust alter correct: fix set tweak amend different wrong
replace exchange swap switch substitute: instead other another trade
delete remove erase destroy terminate: drop discard wipe purge trash kill rid gone clear dump bin
cancel stop end abort terminate: quit halt call kill drop withdraw longer
pause suspend hold: break interrupt while stop
lock block freeze disable: forbid prevent ban nobody secure shut stolen
unlock unblock release: open unfreeze
resume continue
send deliver dispatch: mail write pass post shoot ship
submit send file: hand report give
share access permission public: let show see together everyone allow
grant give allow permit: let enable
revoke withdraw remove: longer stop take away
move shift relocate transfer: put push bring drag
reschedule postpone update: push move delay later earlier shift bump
rename move name: call title
copy duplicate clone: same again
restore recover undelete: back again rescue lost return deleted
rollback revert undo restore: back previous broken earlier before
approve accept confirm: agree allow ok okay yes let fine good sign nod
reject decline refuse deny: no not turn
assign owner responsible assignee: give hand delegate take should
book reserve reservation: need table get order
order purchase buy: get want need more
pay charge settle debit: owe debt cover
refund reimburse: return repay back give twice overcharged
reimburse expense claim: paid pocket back receipt own dinner
schedule plan arrange: set fix organise organize date
remind reminder dunning: nudge forget chase paid remember
notify inform alert tell: warn know let message
merge combine join: same unite together unify one duplicate duplicates twice
split divide
compare diff difference: between versus against changed
export download save: get take
import load upload: bring
convert transform format: turn into make
compress zip pack archive: together smaller pack
extract unzip unpack: out
attach add link: connect
remove revoke kick: off out away
disable deactivate off: shut
close finish complete done resolve solve: tick check ready works over end finished through
reopen open: again
retry rerun run: again flaky repeat
run execute trigger start launch: do kick begin go
restart reboot: hang hangs hanging stuck frozen again
start boot launch: up turn begin
stop shut down: off turn
deploy release rollout publish promote: ship production live online out roll
publish post: online public put announce
increase raise higher: more up bump
decrease lower reduce: less down cheaper
scale replica resize: bigger more up copy copies larger handle
summarize summary: shorten short tldr gist discuss discussed brief recap
predict forecast estimate: expect will coming next future going
statistic stat metric report: number numbers figure figures result results
invite add attendee guest participant: bring ask include join also
reply answer respond response: react back write
comment note remark: leave say write annotate
log record track note: enter write keep did worked spent
monitor watch observe check: eye keep sure ping
vote poll: decide choose option opinion favourite
signature sign: signed nda executed
broken defect damaged fault: fail stuck leak crack repair fix work stop
lost missing: arrived never find gone
price cost rate fee: cheap cheapest expensive much money pay
quote estimate price: cost much
count number quantity: many much
satisfaction csat rating: happy satisfied unhappy pleased feedback
review rating star feedback: opinion say think buyers liked
suggest recommend propose similar: like idea should anything
escalate tier manager: level hard higher up angry difficult
available availability free: busy capacity could when time slot meet
urgent priority severity: important asap critical quickly matters
customer client account: buyer shopper user she they people acme
contact person people: somebody anybody someone name called who
user account member people: login person
user active visitor people: person many
employee staff personnel: worker colleague coworker teammate somebody hire person she intern
hire employee onboard: join start starts starting newcomer joiner newbie first
offboard leave leaves resign: quit depart fired last goodbye leaving
manager reporting: boss supervisor superior chief lead
team group department: crew people squad
company organisation account: business firm corporation enterprise
opportunity deal sale: contract pipeline win won lost
lead prospect: potential buyer
likely score probability: chance odds potential
invoice bill: charge paid
overdue unpaid late: paid owe pending yet still lie long forgotten waiting
payment transaction money: paid charge euro euros dollars
balance owe credit: left account debt
expense spending spend cost: paid pay money
revenue income sales: sell sold earn earned turnover
profit loss income: money make made earn
card credit debit: visa mastercard amex plastic
subscription plan recurring: tier package member membership abo quit basic pro premium
upgrade downgrade plan: tier pro up basic
dispute chargeback: bank contest complaint reverse
discount coupon promotion code: voucher percent off cheaper sale
gift voucher coupon card: present birthday
salary wage payroll pay: raise earn compensation income
payslip payroll: wage salary slip pay
bonus one: extra reward
vacation leave holiday absence: off days away pto free beach break
absence absent leave: away out off
out office away: holiday vacation gone
illness sick ill: flu fever cold cough unwell headache doctor
working hours time timesheet: worked day
candidate applicant: apply applied application interviewee
vacancy job: position opening role hiring opportunity
careers vacancy job: hire hiring recruit
interview candidate: talk meet
cv resume candidate: application
message email mail: inbox wrote write letter
email mail send: write message
newsletter mailing subscribe subscriber list: mails emails
spam junk: unwanted annoying never block
unsubscribe mailing: off newsletter stop
automatically automation automatic rule filter: always every own whenever
event meeting appointment: sync call lunch dinner diary date kickoff session standup sync
calendar event schedule: tomorrow today diary agenda week day monday tuesday wednesday thursday friday my
conference meeting video: zoom call teams
invitation invite event: rsvp
room meeting conference: space
availability available busy free: monday tuesday wednesday thursday friday afternoon morning
file document doc: pdf paper word excel agreement contract draft folder
folder directory: in place
drive file storage share: cloud folder
picture photo image: pic shot look portrait
screenshot picture page: look shot
camera picture security: see door front
storage space disk: full room left quota
machine vm virtual instance: server computer box host
memory cpu ram type: bigger slow power
service container: api app application microservice
log output line: print printed prints show say wrote
secret key vault: password credential token leaked
certificate tls ssl: https secure
dns domain zone record: point subdomain
port firewall traffic inbound: allow access reach https
version revision history: before earlier previous old
backup snapshot dump: back safe copy
parcel package shipment: box delivery delivered arrive packet
shipment delivery: ship arrive deliver goods
track parcel: where arrive
carrier courier: dhl ups fedex post
pickup collect courier: come by fetch
label shipping return: stick box print
return goods: back send
redirect forward divert change: way moved
proof signature delivery: claim received signed
address postal: street zip postcode moved house place
customs duty import: border tax abroad
product article item: goods thing
stock inventory warehouse unit: left many have
low stock reorder: soon order more supply
purchase supplier order: more restock get
cart abandoned checkout: left without paying basket shoppers
supplier vendor: manufacturer company printer
receive goods: arrived came delivery
ticket case support: request problem complaint complained complain customer
ticket search: others too similar
issue bug: problem error crash crashes broken defect
private internal: colleagues only hidden
task todo: work job homework do
task list: open left remaining still
dependency blocked task: before until wait happen after
workload capacity busy: time available who
milestone target goal: deadline beta date
recurring every: weekly daily monthly monday repeat regularly remind
repository repo git: github gitlab code
pullrequest pr merge: propose review branch
pull request merge: pr propose
code source repository: program function
author write blame touch: wrote who responsible
commit change: did changed
release version tag: ship changelog
protect require: nobody without
coverage code test: tested much
test report: failed passed
build pipeline job: compile ci fail failed
alert alarm fire: warning wrong problem beeping
alarm burglar arm: secure house thief intruder leaving
incident outage page responder: down broken failure wake emergency
call duty shift: who tonight responsible
uptime availability percentage: available percent up down
silence mute: quiet stop beep noise loud
status page: let customers know slow outage
status set: show mode focus busy
database db sql: postgres mysql data
column key table: field schema
index query faster: slow lookup
connection session block: hanging stuck
slow longest performance: takes speed fast
visitor visit traffic: people website come
source traffic visitor: find come where from
site website page web: homepage url
realtime active moment: now right currently
drop funnel conversion step: lose losing leave signup
retention cohort: come back return stay
experiment variant test ab: try against better
chart plot graph: diagram pie draw bar visualise visualize
mention search: mentioned talked
anomaly unusual jump: weird strange odd happen suspicious
report every schedule: weekly monday daily
chat channel message: slack teams
channel message post: tell everyone team
direct private message: dm tell
sms text mobile: message
phone call number: ring telephone dial
voicemail: message left machine
forward divert call: pick
transcript transcribe said: say exactly words
summary action decision: came outcome agreed
lamp light: bright dark dim lights
blind window: daylight sun curtain dark
thermostat temperature heating: cold warm hot degrees freezing chilly
temperature celsius: degrees
vacuum robot clean: hoover dust dirty floor
washing machine appliance washer: laundry clothes wash
dishwasher appliance: dishes
door lock: front key
garage door: car
garden sprinkler: lawn plants
electricity energy consumption: power kwh
volume loud quiet: louder noise hear soft
skip next song: like boring
song track music artist album: band listen hear tune
play song: listen hear put
flight airport: fly plane airline
flight status delay gate: time late
hotel room: stay night
seat flight: window aisle
boarding check flight: pass
car rent hire: vehicle drive
taxi cab ride: uber lift
restaurant table: dinner lunch eat tonight
train connection: rail
direction route: way get foot walk drive
place nearby shop: around here close
forecast weather: rain umbrella snow sunny saturday sunday weekend
weather rain: umbrella snow sun
transfer money wire: send account euros pay iban
card block freeze: stolen lost purse wallet
currency exchange rate convert: dollar dollars euro euros pound pounds
bill supplier pay: owe company
guide article page wiki: documentation documented manual handbook how
wiki page: documented internal company
questionnaire survey: answers asked
language translate: french german spanish english italian chinese
row spreadsheet: line table figures
cell spreadsheet range: excel
laptop computer device: phone
device lost erase: wipe stolen left
password reset: forgot remember login locked
desk office: seat workplace
building broken: elevator lift toilet window
doctor appointment: dentist checkup
medicine prescription: pills
"""
"""A concept a line: words that tools use for it, each of which finds the others, and behind the colon words that
people use, which find those before it and not the other way about."""
