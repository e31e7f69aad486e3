"""Templates of the sentiment grammar: sentences of reviews, as plain data.

The notation is that of :func:`~arae_toolkit.data_prep.synthetic.grammar.read_rules`. A rule whose
name starts with ``zipf_`` lists its common alternatives first. All of it is our own invention.
"""

from __future__ import annotations

# What both sentiments share: what is spoken of, and the frames around the words that judge it.
SHARED = """
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
