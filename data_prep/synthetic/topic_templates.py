"""Templates of the topic grammar: questions and replies, as plain data.

The notation is that of :func:`~arae_toolkit.data_prep.synthetic.grammar.read_rules`. A rule whose
name starts with ``zipf_`` lists its common alternatives first. All of it is our own invention.
"""

from __future__ import annotations

# What all topics share: frames whose slots each topic fills with its own words.
SHARED = """
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
