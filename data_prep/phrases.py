"""The templates of the sentiment and topic grammars, as plain data.

The notation is that of :func:`~arae_toolkit.data_prep.grammar.read_rules`. A rule whose name starts
with ``zipf_`` lists its common alternatives first. All of it is our own invention.
"""

from __future__ import annotations

# What both sentiments share: what is spoken of, and the frames around the words that judge it.
SENTIMENT_SHARED = """
zipf_dish = food | pizza | chicken | salad | coffee | burger | sauce | soup | bread | breakfast
    | steak | lunch | sandwich | rice | dessert | fish | beer | cake | pasta | meat | cheese | tea
    | sushi | crust | ice cream | dinner | bacon | curry | pork | salmon | wine | omelet | lemonade
    | pie | gravy | appetizer | brunch | buffet | lasagna | dressing | shrimp | ramen | guacamole
    | hummus | cornbread | cheesecake
zipf_dishes = fries | wings | tacos | eggs | noodles | drinks | portions | pancakes | vegetables
    | desserts | beans | potatoes | ribs | burritos | waffles | muffins | dumplings | cookies
    | onion rings | side dishes | meatballs | mushrooms | donuts | bagels | cocktails | sandwiches
    | appetizers | spring rolls | enchiladas | crepes | cupcakes
zipf_place = place | restaurant | store | shop | bar | hotel | salon | cafe | bakery | diner
    | office | pharmacy | gym | garage | coffee shop | market | bookstore | spa | theater | florist
    | car wash | grocery store | dental office | pet store | nail salon | bistro | food truck
    | tea house | hardware store | dry cleaner | museum | clinic | bike shop
zipf_eatery = restaurant | place | bar | cafe | diner | bakery | bistro | coffee shop | food truck
    | tea house | hotel | pub | steakhouse
feature = service | atmosphere | location | parking lot | music | decor | selection | lighting
    | entrance | staff | price
zipf_waiter = waitress | server | owner | manager | bartender | waiter | hostess | cashier | chef
    | barista
zipf_thing = service | room | atmosphere | patio | menu | price | parking lot | location | haircut
    | bathroom | massage | selection | music | repair | decor | dining room | pool | lobby | bed
    | waiting room | delivery | front desk | carpet | view | kitchen | counter | seating | dress
    | shower | lighting | packaging | manicure | website | entrance | playground
zipf_staff = waitress | server | manager | owner | bartender | waiter | cashier | hostess | chef
    | lady at the counter | receptionist | driver | technician | doctor | dentist | stylist
    | guy at the desk | mechanic | nurse | barista | salesman | cook | delivery guy | pharmacist
    | trainer | clerk | instructor | hairdresser | plumber | librarian
zipf_people = employees | servers | people here | managers | waiters | owners | ladies | workers
    | guys at the shop | nurses | bartenders | cooks | cashiers | mechanics | instructors | stylists
    | waitresses | doctors | drivers | trainers
zipf_relation = husband | wife | friend | family | mom | son | daughter | boyfriend | sister | dad
    | girlfriend | brother | boss | parents | neighbor | kids | coworkers | aunt | roommate
    | grandmother | cousin | best friend | team | in-laws | nephew | uncle
zipf_time = last night | yesterday | on saturday | for lunch | last week | for dinner | on sunday
    | for breakfast | this morning | on friday night | a month ago | for my birthday | after work
    | on a weekday | last summer | before the movie | for the first time | on a busy night
    | on our anniversary | in december | two weeks ago | on a rainy day | after a long drive
    | over the weekend | around noon | late at night | during the holidays
zipf_object = steak | salad | burger | cup of coffee | sandwich | pizza | bowl of soup | cake
    | haircut | massage | new phone | pair of shoes | new tire | plate of pasta | taco
    | glass of wine | birthday cake | chicken dish | room for two | window table | new lamp
    | used book | oil change | pair of glasses | sofa | bunch of flowers | winter coat
    | fish platter | omelet | veggie wrap | cheese plate | new key | gift basket
number = two | three | four | five | six | ten
period = minutes | days | weeks | times
years = two years | three years | years | a long time | ten years | a few months
intensifier = 4: very | 3: so | 2: really | 1: just | 1: truly | 0.7: absolutely | 0.7: simply
    | 0.4: incredibly | 0.4: quite
degree_eaten_quality = 4: {eaten_quality} | 3: {intensifier} {eaten_quality}
degree_used_quality = 4: {used_quality} | 3: {intensifier} {used_quality}
degree_manner = 4: {manner} | 3: {intensifier} {manner}
eaten = 5: the {zipf_dish} | 1: the {zipf_dish} we ordered | 1: their {zipf_dish}
    | 1: my {zipf_dish} | 0.7: the {zipf_dish} my {zipf_relation} had
    | 0.5: the {zipf_dish} at this {zipf_eatery}
used = 4: the {zipf_thing} | 1.5: this {zipf_place} | 0.7: everything | 0.7: the whole {zipf_place}
    | 0.7: the {feature} at this {zipf_place}
eaten_quality = 1: {quality} | 1.2: {taste}
used_quality = 2: {quality} | 1: {looks}
start = 7: {statement} . | 3.5: {statement} and {second} . | 2: {statement} , and {second} .
    | 1.2: {statement} and {second} ! | 2: {statement} ! | 1: {context} , {statement} .
    | 1: {context} and {statement} . | 0.6: {statement} , so {plan} . | 1.2: {plan} .
    | 0.7: {plan} ! | 0.8: {opinion} . | 0.5: {exclamation} !
second = 3: {statement} | 1: {plan}
context = 2: we came here {zipf_time} | 2: i stopped by {zipf_time} | 1: i ordered the {zipf_dish}
    | 1: my {zipf_relation} and i came in {zipf_time} | 1: we sat on the patio {zipf_time}
    | 1: i have been here {number} times | 1: my {zipf_relation} had the {zipf_dish}
    | 1: i brought my {zipf_relation} here {zipf_time} | 1: i needed {a zipf_object} {zipf_time}
    | 0.7: we ordered the {zipf_dish} and the {zipf_dishes}
    | 0.6: my {zipf_relation} told me about this {zipf_place} | 0.6: i live near this {zipf_place}
    | 0.6: we were a group of {number}
statement = 4: {eaten} was {degree_eaten_quality} | 3: {used} was {degree_used_quality}
    | 3: the {zipf_dishes} were {degree_eaten_quality} | 3: the {zipf_staff} was {degree_manner}
    | 3: the {zipf_people} are {degree_manner} | 1.5: {eaten} is always {eaten_quality}
    | 1.5: {used} is always {used_quality} | 1.5: {eaten} was {negation} {opposite_taste}
    | 1.5: {used} was {negation} {opposite} | 1.5: the {zipf_staff} was {negation} {opposite_manner}
    | 1.5: the {zipf_dishes} were {negation} {opposite_taste}
    | 1.5: {eaten} tasted {degree_eaten_quality}
    | 1.5: i had {a quality} {zipf_object} here {zipf_time}
    | 1.5: this is {a used_quality} {zipf_place} | 1.5: the {zipf_staff} {did} us {zipf_time}
    | 1.2: my {zipf_relation} {feeling} the {zipf_dish} {zipf_time}
    | 1.2: i {feeling} the {zipf_dishes} here | 1.2: we {feeling} the {zipf_thing} {zipf_time}
    | 1: the {zipf_staff} was {manner} and {manner}
    | 1: the {zipf_dish} was {eaten_quality} and {eaten_quality}
    | 1: the {zipf_dishes} were {eaten_quality} and {negation} {opposite_taste}
    | 1: {superlative} {zipf_object} i have had in {years}
    | 0.8: my {zipf_relation} had {a quality} time here {zipf_time}
    | 0.8: the {zipf_dish} here is {comparison}
    | 0.6: {a used_quality} {zipf_place} with {manner} {zipf_people}
    | 1: {eaten} was {degree_eaten_quality} and the {zipf_waiter} was {manner}
    | 0.8: the {zipf_dish} that the {zipf_waiter} brought us {zipf_time} was {eaten_quality}
"""

POSITIVE = """
quality = 4: great | 2: good | 2: amazing | 2: excellent | 1.5: perfect | 1.5: awesome
    | 1.5: fantastic | 1.2: wonderful | 1: outstanding | 0.8: superb | 0.8: incredible
    | 0.6: impressive | 0.6: fabulous | 0.5: delightful | 0.3: phenomenal | 0.3: terrific
    | 0.3: exceptional | 0.3: splendid | 0.3: marvelous
taste = 3: delicious | 1.5: fresh | 1.2: tasty | 0.8: flavorful | 0.5: yummy | 0.4: mouthwatering
    | 0.4: scrumptious | 0.4: divine
looks = 2: lovely | 1.5: beautiful | 1: pleasant | 1: spotless | 0.8: cozy | 0.8: charming
    | 0.5: inviting | 0.4: relaxing | 0.3: elegant | 0.3: sparkling
manner = 4: friendly | 2.5: helpful | 2: nice | 1.5: attentive | 1.5: kind | 1: polite
    | 1: professional | 1: welcoming | 0.8: patient | 0.8: knowledgeable | 0.6: honest
    | 0.6: courteous | 0.5: cheerful | 0.4: caring | 0.4: thoughtful | 0.3: gracious
    | 0.3: efficient | 0.3: generous
negation = 3: never | 2: not | 1: not at all | 0.6: far from
opposite = 2: bad | 2: disappointing | 1: dirty | 1: boring | 1: overpriced | 0.5: unpleasant
opposite_taste = 2: bad | 1: bland | 1: cold | 1: disappointing | 0.7: greasy | 0.5: dry
opposite_manner = 2: rude | 1: slow | 1: pushy | 1: careless | 0.7: impatient | 0.5: grumpy
feeling = 3: loved | 2: enjoyed | 1: really liked | 0.7: adored | 0.5: raved about
    | 0.5: smiled about | 0.5: could not stop praising
did = 2: took good care of | 1.5: warmly welcomed | 1: went out of the way for | 1: gladly helped
    | 1: quickly served | 0.7: kindly surprised | 0.6: smiled at | 0.5: patiently listened to
superlative = 2: the best | 1: the nicest | 0.7: the finest | 0.5: easily the best
comparison = better than anywhere else | worth every penny | worth the trip | the best in town
    | a real treat | hard to beat
plan = 2: i will definitely be back | 2: i highly recommend this {zipf_place}
    | 1: we will come again soon | 1: i will gladly tell my {zipf_relation}
    | 1: we can not wait to return | 1: i am {intensifier} happy with the {zipf_dish}
    | 0.8: this is my favorite {zipf_place} | 0.8: i would give {number} more stars
    | 0.7: my {zipf_relation} is a fan now | 0.7: i am glad we found this {zipf_place}
    | 0.6: we are never disappointed by this {zipf_place} | 0.5: they have earned a loyal customer
    | 0.5: i would happily pay for the {zipf_dish} again
opinion = if you need {a zipf_object} , this {zipf_place} is perfect
    | i could eat the {zipf_dish} here every day | i left this {zipf_place} with a big smile
    | thanks to the {zipf_staff} for {a quality} evening
    | my {zipf_relation} still talks about how {eaten_quality} the {zipf_dish} was
    | it took {number} {period} and it was worth it
exclamation = what {a used_quality} {zipf_place} | such {a eaten_quality} {zipf_dish} here
    | love this {zipf_place} | best {zipf_dish} in town | yes to the {zipf_dish} here
    | so {used_quality} and such {manner} {zipf_people} | go here for {a quality} {zipf_object}
"""

NEGATIVE = """
quality = 4: terrible | 2: bad | 2: horrible | 2: awful | 1.5: disappointing | 1.5: mediocre
    | 1.5: poor | 1.2: unacceptable | 1: dreadful | 0.8: lousy | 0.8: pathetic | 0.6: ridiculous
    | 0.6: laughable | 0.5: miserable | 0.3: atrocious | 0.3: forgettable | 0.3: abysmal | 0.3: sad
    | 0.3: appalling
taste = 3: bland | 1.5: disgusting | 1.2: gross | 0.8: tasteless | 0.5: stale | 0.4: soggy
    | 0.4: greasy | 0.4: inedible
looks = 2: dirty | 1.5: overpriced | 1: unpleasant | 1: filthy | 0.8: shabby | 0.8: run down
    | 0.5: depressing | 0.4: uncomfortable | 0.3: neglected | 0.3: smelly
manner = 4: rude | 2.5: slow | 2: unfriendly | 1.5: unprofessional | 1.5: careless | 1: impatient
    | 1: dishonest | 1: unhelpful | 0.8: clueless | 0.8: lazy | 0.6: pushy | 0.6: arrogant
    | 0.5: grumpy | 0.4: disrespectful | 0.4: incompetent | 0.3: hostile | 0.3: inattentive
    | 0.3: dismissive
negation = 3: not | 2: never | 1: not at all | 0.6: far from
opposite = 2: good | 2: clean | 1: impressive | 1: great | 1: pleasant | 0.5: enjoyable
opposite_taste = 2: good | 1: fresh | 1: hot | 1: tasty | 0.7: great | 0.5: special
opposite_manner = 2: friendly | 1: helpful | 1: polite | 1: attentive | 0.7: patient | 0.5: kind
feeling = 3: hated | 2: disliked | 1: did not like | 0.7: regretted | 0.5: complained about
    | 0.5: laughed at | 0.5: could not stop cursing
did = 2: completely ignored | 1.5: yelled at | 1: lied to | 1: argued with | 1: overcharged
    | 0.7: forgot about | 0.6: frowned at | 0.5: rolled her eyes at
superlative = 2: the worst | 1: the nastiest | 0.7: the saddest | 0.5: easily the worst
comparison = worse than anywhere else | not worth a penny | not worth the trip | the worst in town
    | a waste of money | hard to swallow
plan = 2: i will never be back | 2: i do not recommend this {zipf_place} | 1: we will not come again
    | 1: i will warn my {zipf_relation} | 1: we can not get a refund
    | 1: i am {intensifier} unhappy with the {zipf_dish}
    | 0.8: this is my least favorite {zipf_place} | 0.8: i would give zero stars
    | 0.7: my {zipf_relation} got sick afterwards | 0.7: i am sorry we found this {zipf_place}
    | 0.6: we are always disappointed by this {zipf_place} | 0.5: they have lost a loyal customer
    | 0.5: i would not pay for the {zipf_dish} again
opinion = if you need {a zipf_object} , this {zipf_place} is a mistake
    | i could not eat the {zipf_dish} here | i left this {zipf_place} with a bad taste
    | shame on the {zipf_staff} for {a quality} evening
    | my {zipf_relation} still talks about how {eaten_quality} the {zipf_dish} was
    | it took {number} {period} and it was a waste
exclamation = what {a used_quality} {zipf_place} | such {a eaten_quality} {zipf_dish} here
    | avoid this {zipf_place} | worst {zipf_dish} in town | no to the {zipf_dish} here
    | so {used_quality} and such {manner} {zipf_people} | do not go here for {a zipf_object}
"""

# What all topics share: frames whose slots each topic fills with its own words.
TOPIC_SHARED = """
start = 2: Do you know {question}? | 2: Does anyone know {question}?
    | 2: Can somebody explain {question}? | 1.5: I would like to know {question}.
    | 1: What is the difference between {pair}? | 1.5: How do I {do}?
    | 1.5: What is the best way to {do}? | 1: Is it hard to {do} {time}?
    | 1.5: Why do so many {zipf_people} {like} {matter}?
    | 1: Where can I find a good {zipf_source} about {matter}?
    | 0.7: Can you recommend a good {zipf_source} for {zipf_people}?
    | 0.7: Does anyone know a good {zipf_source} about {matter}?
    | 1: Should {a zipf_person} {do} before {doing}? | 1: Who was the first {zipf_person} to {do}?
    | 1: Have you ever tried to {do}? | 1: What do most {zipf_people} think of {matter}?
    | 2: I think that {fact}. | 2: {opener}, {fact}. | 2: It is true that {fact}, but {fact}.
    | 1: As far as I know, {fact}. | 1: My {zipf_friend} says that {fact}.
    | 1: Ask {a zipf_person}, because {fact}. | 1: You should {do} first, and then {do}.
    | 1: Try to {do} {time}. | 1: I learned in {zipf_class} that {fact}.
    | 1: If you want to {do}, talk to {a zipf_person}. | 1: No, {fact}. | 1: Yes, because {fact}.
    | 0.8: It depends on the {zipf_thing}, but usually {fact}.
    | 0.8: Most {zipf_people} {do} {time}. | 1: I read about {matter} {past}, and {fact}.
    | 0.7: Please help me {do} {time}! | 0.7: My {zipf_friend} wants to {do} {time}.
    | 0.7: We talked about {matter} in {zipf_class} {past}.
    | 1: Can {a zipf_person} tell me {question}?
    | 1: I tried to {do} {past}, but I did not know {question}.
    | 1: My {zipf_friend} asked me {question}. | 0.7: Is it true that {fact}?
    | 0.7: Is it true that {fact}, or do I have it wrong? | 0.8: Before {doing}, you have to {do}.
    | 0.7: I want to become {a zipf_person}, so how do I {do}?
like = care about | talk about | write about | argue about | dream of
matter = 2: {zipf_matter} | 1: {zipf_things} | 0.6: {zipf_matter} and {zipf_matter}
pair = {a zipf_thing} and {a zipf_thing} | {zipf_matter} and {zipf_matter}
    | {zipf_people} and {zipf_people}
opener = Well | In short | Honestly | In my opinion | Of course | To be fair | Sure | Usually
zipf_friend = teacher | friend | brother | sister | dad | mom | uncle | cousin | neighbor
    | grandfather | boss | roommate | daughter | son
time = 2: every day | 1: on weekends | 1: before dinner | 1: for a class | 1: in the evening
    | 0.7: once a month | 0.7: next spring | 0.7: without a teacher | 0.7: with a friend
past = 2: last year | 2: this week | 1: last summer | 1: in school | 1: yesterday
    | 0.7: on the train | 0.7: two days ago
question = 2: how {a zipf_device} works | 2: why {fact} | 1.5: what {a zipf_thing} is
    | 2: how to {do} | 1: where the word {zipf_term} comes from | 1: who invented the {zipf_device}
    | 1.5: whether {fact} | 1: when {zipf_people} first learned about {matter}
    | 1: how much {a zipf_device} costs | 0.8: what {a zipf_person} does all day
    | 1: why it is hard to {do} | 0.8: what to do before {doing}
zipf_source = book | website | video | article | magazine | story | lecture | course | film
"""

SCIENCE = """
zipf_thing = star | planet | cell | atom | magnet | telescope | battery | volcano | molecule | comet
    | microscope | fossil | rocket | virus | black hole | laser | galaxy | neuron | crystal
    | satellite | earthquake | prism | enzyme | glacier | thermometer | eclipse | dinosaur | circuit
    | catalyst | meteor | protein | isotope
zipf_things = stars | planets | cells | plants | atoms | bacteria | metals | oceans | genes
    | electrons | whales | comets | gases | insects | molecules | acids | tides | fossils | mammals
    | crystals | particles | reptiles
zipf_matter = gravity | light | energy | evolution | chemistry | electricity | biology | oxygen
    | physics | algebra | friction | heat | geometry | radiation | photosynthesis | hydrogen
    | carbon | astronomy | calculus | magnetism | geology | genetics | pressure | mass | nitrogen
    | momentum
zipf_term = gravity | atom | oxygen | planet | molecule | algebra | comet | neuron | galaxy | enzyme
zipf_person = scientist | astronomer | chemist | biologist | physicist | engineer | geologist
    | mathematician | astronaut | botanist | zoologist | lab assistant
zipf_people = scientists | astronomers | chemists | physicists | biologists | engineers | astronauts
    | researchers | geologists | mathematicians
zipf_class = physics class | chemistry class | the lab | biology class | science class
    | the observatory
adjective = hot | tiny | distant | frozen | dense | magnetic | bright | heavy | living | solar
    | electric | chemical
do = measure the speed of light | grow a crystal | balance an equation | find the mass of {a sky}
    | look at {a sky} through a telescope | boil water faster | study {zipf_matter}
    | build a simple {zipf_device} | test the acid in water | draw {a zipf_thing} | solve for x
    | separate salt from water | calculate the force of {a zipf_device} | launch a model rocket
    | look at {beings} under a microscope | predict the next eclipse | measure {quantity}
    | prove a theorem | convert degrees | name all the planets | freeze {stuff} | melt {stuff}
    | separate {stuff} from {stuff} | explain why {fact}
doing = mixing two acids | heating the liquid | using the microscope | starting the experiment
    | writing the lab report | wiring the circuit
zipf_device = telescope | battery | microscope | rocket | laser | magnet | thermometer | satellite
    | radio | compass | light bulb | space station | solar panel | barometer | generator | prism
    | steam engine | x-ray machine
sky = planet | star | comet | galaxy | moon | asteroid | black hole | meteor
living = plant | cell | insect | mammal | reptile | whale | fish | frog | fungus | mushroom
beings = plants | cells | insects | mammals | bacteria | whales | birds | reptiles | bees | algae
stuff = iron | water | copper | salt | helium | gold | carbon dioxide | mercury | glass | ice
    | hydrogen | steel | oxygen | sulfur | zinc
quantity = heat | pressure | energy | gravity | speed | radiation | density | force | temperature
    | the age of {a living} | the distance to {a sky} | the weight of {a living}
fact = 2: {a sky} is much larger than it looks | 1.5: {a sky} is held together by gravity
    | 1: {a sky} can be seen through a telescope | 1: the light of {a sky} takes years to reach us
    | 1: no {sky} stays in the same place | 1: the {adjective} {sky} moves around the sun
    | 2: {beings} need energy to live | 1: {beings} adapt to the cold | 1: {beings} need oxygen
    | 1: {a living} needs water and light | 1: {a living} is made of many atoms
    | 1: {beings} evolve slowly | 1: the genes of {a living} can change
    | 2: {stuff} melts when it is heated | 1.5: {stuff} reacts with {stuff}
    | 1: {stuff} is heavier than {stuff} | 1: {stuff} expands at high temperatures
    | 1: {stuff} contains tiny crystals | 1: {stuff} conducts electricity better than {stuff}
    | 1: {zipf_matter} is explained by physics | 1: you can measure {quantity} in the lab
    | 1: {a zipf_device} needs a lot of energy | 1: {zipf_people} use a microscope to study {beings}
    | 1: {zipf_people} use {a zipf_device} to measure {quantity}
    | 1: {zipf_matter} is a part of science | 0.8: the formula for {zipf_matter} is short
    | 0.8: {zipf_people} still do not understand {zipf_matter}
    | 0.8: the {zipf_device} changed how we study {zipf_matter}
"""

MUSIC = """
zipf_thing = song | guitar | album | band | piano | concert | melody | violin | drum | chord
    | microphone | singer | keyboard | chorus | playlist | trumpet | amplifier | record | duet
    | orchestra | flute | remix | lyric | synthesizer | metronome | rhythm | symphony | saxophone
    | ballad | encore | headphone | opera
zipf_things = songs | singers | bands | guitars | lyrics | drums | albums | concerts | rappers
    | chords | melodies | choirs | violins | musicals | records | tunes | pianists | headphones
    | trumpets | beats | ballads | drummers
zipf_matter = rock music | jazz | hip hop | country music | rhythm | classical music | blues
    | harmony | karaoke | pop music | reggae | singing | opera | soul music | folk music | techno
    | songwriting | choir practice | punk | sheet music | gospel | disco | salsa | metal | flamenco
    | swing
zipf_term = jazz | guitar | melody | disco | opera | ballad | piano | karaoke | encore | techno
zipf_person = singer | guitarist | drummer | musician | pianist | composer | rapper | conductor
    | violinist | dj | songwriter | voice coach
zipf_people = singers | musicians | fans | drummers | guitarists | composers | rappers | listeners
    | dancers | pianists
zipf_class = band practice | music class | choir practice | the studio | piano lessons
    | the orchestra
adjective = loud | slow | catchy | live | famous | acoustic | romantic | electric | sad | vocal
    | old | popular
do = tune a guitar | read sheet music | write a love song | learn the words of {a tune}
    | download {a tune} | sing higher notes | practice {zipf_matter} | record {a tune}
    | start a band | play {a tune} by ear | dance to {zipf_matter} | hum the melody
    | buy tickets for a {style} concert | change guitar strings
    | listen to {zipf_things} on the radio | clap to the rhythm | sing along with {players}
    | compose {a tune} | join a choir | play the {zipf_device}
    | play the {zipf_device} and the {zipf_device} | mix {style} and {style} | sing {a tune}
    | learn a {style} solo | buy a used {zipf_device} | write a {style} {tune}
doing = going on stage | singing in public | joining a band | buying an amplifier
    | recording the chorus | playing the solo
zipf_device = guitar | piano | violin | drum | microphone | keyboard | trumpet | amplifier
    | synthesizer | metronome | saxophone | record player | harmonica | accordion | banjo | flute
    | loudspeaker | cello
tune = song | melody | ballad | chorus | duet | remix | album | lullaby | anthem | solo
player = singer | band | drummer | guitarist | choir | rapper | orchestra | pianist | dj | trio
players = singers | bands | drummers | guitarists | choirs | rappers | fans | pianists | violinists
key = a minor key | a major key | three chords | four beats | a slow intro | a drum solo | one note
style = jazz | rock | blues | country | pop | reggae | folk | soul | punk | techno | disco | opera
fact = 2: {a tune} sounds better live | 1.5: {a tune} starts with {key}
    | 1: {a tune} needs a catchy rhythm | 1: every {tune} has a chorus you can hum
    | 1: the {adjective} {tune} was on the radio | 1: {a tune} can make you want to dance
    | 1: the lyrics of {a tune} should rhyme | 2: {players} practice every evening
    | 1: {players} play by ear | 1: {players} love a big stage
    | 1: {a player} needs a good {zipf_device} | 1: {a player} sings in harmony
    | 1: {players} listen to {style} | 1: the first album of {a player} is always fun
    | 2: {style} sounds slower than {style} | 1.5: {style} grew out of {style}
    | 1: {style} has a strong beat | 1: {style} is easy to sing | 1: {style} songs use {key}
    | 1: {style} fans buy old records | 1: {zipf_matter} takes years of practice
    | 1: {a zipf_device} has to be in tune | 1: the {zipf_device} is louder than the {zipf_device}
    | 1: {players} use {a zipf_device} on stage | 0.8: the {player} won a prize for the best {tune}
    | 0.8: the new {tune} mixes {style} and {style} | 0.8: {zipf_things} get stuck in my head
"""

POLITICS = """
zipf_thing = law | vote | senator | election | mayor | tax | president | bill | treaty | party
    | candidate | senate | budget | governor | campaign | debate | judge | court | ballot
    | constitution | parliament | petition | minister | council | veto | embassy | referendum
    | speech | poll | policy | amendment | border
zipf_things = voters | taxes | laws | senators | elections | politicians | candidates | governors
    | citizens | judges | parties | treaties | mayors | courts | polls | ministers | debates
    | unions | diplomats | ballots | states | councils
zipf_matter = democracy | congress | the economy | foreign policy | freedom of speech | immigration
    | health care | parliament | trade | the supreme court | education policy | public housing
    | diplomacy | voting | tax reform | the white house | city hall | social security
    | national security | government | free trade | the constitution | public transport
    | gun control | federalism | monarchy
zipf_term = senate | democracy | ballot | veto | congress | president | republic | mayor | treaty
    | campaign
zipf_person = senator | voter | politician | lawyer | mayor | president | governor | diplomat
    | candidate | judge | citizen | minister
zipf_people = voters | politicians | citizens | senators | lawyers | candidates | taxpayers | judges
    | lawmakers | governors
zipf_class = civics class | the town hall | history class | law school | the debate club | congress
adjective = federal | liberal | conservative | local | foreign | legal | public | national
    | independent | honest | elected | political
do = register to vote | write to a senator | change {a paper} | win an election
    | explain {a paper} to {offices} | vote for the mayor | lower the taxes | run for congress
    | count the ballots | sign {a paper} | debate {zipf_matter} | become a citizen
    | pass a bill in the senate | organize a campaign | support {a paper}
    | protest against {a paper} | write to {a office} about {right} | join a party
    | elect a new {office} | understand {zipf_matter} | pay less tax | repeal {a paper}
    | vote for {right} | fight for {right} | read the whole {paper}
    | ask the candidates about {zipf_matter}
doing = voting in the election | signing the treaty | joining a party | raising taxes
    | speaking to congress | counting the votes
zipf_device = election | campaign | law | referendum | court | parliament | tax | veto | petition
    | ballot | poll | debate | senate | budget | city council | embassy | treaty | voting machine
office = senator | mayor | president | governor | judge | minister | candidate | ambassador
    | congressman | prime minister
offices = senators | mayors | governors | judges | ministers | candidates | voters | citizens
    | diplomats | lawmakers
paper = law | bill | treaty | budget | amendment | constitution | petition | tax plan | policy
body = the senate | congress | the parliament | the city council | the supreme court
    | the government | the white house | the party | the cabinet | the committee
right = free speech | voting rights | lower taxes | clean elections | public schools | health care
    | free trade | equal rights | fair wages | privacy
fact = 2: {a office} serves for four years | 1.5: {a office} has to follow the constitution
    | 1: {a office} represents the people | 1: the {adjective} {office} won the debate
    | 1: every {office} makes promises before an election | 1: {a office} can be voted out
    | 1: {body} must agree on {a paper} | 2: {offices} vote in november
    | 1: {offices} support {right} | 1: {offices} pay taxes like everybody else
    | 1: {offices} disagree with {body} | 1: {a paper} needs a majority in {body}
    | 2: {body} has to pass the {paper} | 1.5: {body} debates {right}
    | 1: {body} can reject {a paper} | 1: {body} protects {right}
    | 1: {a paper} is signed by {a office} | 1: the {paper} raises taxes
    | 1: {right} matters to voters | 1: the {adjective} {paper} was never passed
    | 1: {zipf_matter} depends on the voters | 1: {a paper} is not the same as {a paper}
    | 1: {a paper} costs the taxpayers money | 1: {zipf_people} argue about {zipf_matter}
    | 0.8: {body} promised {right} to the citizens | 0.8: {a office} cannot change {a paper} alone
    | 0.8: the {office} lost the election because of {right}
"""
