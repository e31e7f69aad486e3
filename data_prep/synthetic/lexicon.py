"""Words of the caption grammar, as plain data: people, animals, things, places, activities.

Within each list the most common words come first; the grammar draws them with falling weight.
Fields of a row are separated by ``|``. All of it is our own invention.
"""

from __future__ import annotations

# ---------------------------------------------------------------------------------------------
# Who
# ---------------------------------------------------------------------------------------------

# name | kind | gender | what it is an example of (empty: nothing narrower than "person") | "aged"
# if the noun itself tells an age, so that "an old toddler" is never said
PEOPLE = """
man|adult|m|person|
woman|adult|f|person|
person|adult|n||
lady|adult|f|woman|
guy|adult|m|man|
teenager|adult|n|person|aged
worker|adult|n|person|
student|adult|n|person|aged
gentleman|adult|m|man|
tourist|adult|n|person|
grandmother|adult|f|woman|aged
grandfather|adult|m|man|aged
visitor|adult|n|person|
adult|adult|n|person|aged
traveler|adult|n|person|
volunteer|adult|n|person|
boy|child|m|child|
girl|child|f|child|
child|child|n|person|
kid|child|n|child|
toddler|child|n|child|aged
schoolboy|child|m|boy|
schoolgirl|child|f|girl|
youngster|child|n|child|aged
"""

# Nouns that go with what a person is doing: group of activities -> nouns.
ROLES = {
    "cook": "chef, cook, baker, kitchen helper",
    "music": "musician, performer, band member, street musician",
    "ballgame": "player, athlete, team member, amateur athlete",
    "run": "runner, jogger, athlete",
    "walk": "hiker, pedestrian, tourist, backpacker, walker",
    "ride": "cyclist, rider, commuter",
    "drive": "driver, farmer, commuter",
    "wait": "passenger, commuter, traveler, pedestrian",
    "swim": "swimmer, lifeguard, athlete",
    "boat": "sailor, fisherman, boater",
    "surf": "surfer, athlete",
    "snow": "skier, snowboarder, mountaineer",
    "climb": "climber, hiker, mountaineer",
    "dance": "dancer, performer, ballet dancer, entertainer",
    "art": "artist, painter, student, art teacher",
    "read": "student, librarian, commuter, professor",
    "write": "student, author, reporter, secretary, poet",
    "garden": "gardener, farmer, landscaper, florist",
    "repair": "mechanic, worker, carpenter, plumber, electrician, builder",
    "carry": "worker, porter, mover, delivery driver",
    "clean": "janitor, cleaner, maid, housekeeper",
    "shop": "shopper, customer, shopkeeper, cashier, vendor",
    "office": "clerk, secretary, office worker, programmer, manager",
    "talk": "teacher, speaker, guide, professor, reporter",
    "craft": "tailor, craftsman, designer, seamstress",
    "photo": "photographer, tourist, journalist",
    "gymnastics": "gymnast, acrobat, athlete, instructor",
    "skate": "skater, skateboarder, teenager",
    "feed": "farmer, zookeeper, rancher, veterinarian",
    "fish": "fisherman, angler, boater",
    "circus": "juggler, clown, magician, entertainer, street performer",
    "science": "scientist, researcher, chemist, student, biologist",
}

# What nobody can see in a picture of a person: m, f, n.
OCCUPATIONS = {
    "n": "teacher, doctor, nurse, lawyer, engineer, dentist, accountant, writer, firefighter, "
    "pilot, police officer, scientist, librarian, architect, plumber, musician, neighbor, cousin",
    "m": "father, uncle, brother, husband, grandfather, businessman, bachelor",
    "f": "mother, aunt, sister, wife, grandmother, businesswoman",
    "child": "cousin, twin, classmate, neighbor, friend, orphan, champion, beginner",
}

# Kind -> nouns. Where a noun names the kind, the others are examples of it (a puppy is a dog), and
# it is an example of "animal"; else all of them are.
ANIMALS = {
    "dog": (
        "dog, puppy, poodle, terrier, collie, golden retriever, beagle, bulldog, hound, greyhound, "
        "spaniel"
    ),
    "cat": "cat, kitten, tabby cat",
    "bird": "bird, duck, pigeon, seagull, goose, sparrow, swan, parrot, crow, owl",
    "horse": "horse, pony",
    "grazer": "cow, sheep, goat, deer, donkey, lamb, calf, llama, zebra",
    "wild": "squirrel, monkey, rabbit, fox, raccoon, bear cub",
}

# What can be seen, by kind of subject.
ADJECTIVES = {
    "adult": (
        "smiling, tall, dark-haired, blond, middle-aged, slim, thin, cheerful, barefoot, tanned, "
        "curly-haired, short, strong, muscular, well-dressed, friendly, serious, gray-haired, "
        "relaxed, red-haired, shy, elegant, determined, proud, sleepy, tired, hungry, lonely, "
        "bored, thirsty, local, famous, rich, polite, nervous"
    ),
    "aged adult": "young, old, elderly",
    "m adult": "bearded, bald, shirtless",
    "child": (
        "smiling, happy, blond, cheerful, barefoot, excited, curious, dark-haired, curly-haired, "
        "laughing, playful, shy, giggling, tiny, freckled, proud, muddy, energetic, sleepy, "
        "bored, hungry, tired, clever, thirsty, lucky, polite"
    ),
    "aged child": "little, young, small",
    "dog": (
        "brown, black, white, small, big, large, wet, tan, fluffy, muddy, spotted, gray, playful, "
        "shaggy, long-haired, energetic, happy, old, scruffy, tiny, hungry, friendly, "
        "lost, thirsty, clever, trained"
    ),
    "cat": "black, gray, white, orange, small, striped, fluffy, brown, sleepy, curious, fat, "
    "long-haired, old, playful, tiny",
    "bird": (
        "white, small, gray, black, colorful, large, brown, tiny, young, noisy, hungry, bright blue"
    ),
    "horse": "brown, white, black, gray, young, large, spotted, old, beautiful, strong",
    "grazer": "brown, white, young, black, small, large, spotted, woolly, old, hungry, curious",
    "wild": "small, brown, young, gray, curious, large, furry, playful, tiny, hungry",
}

# What excludes what. Colors exclude one another without being listed.
OPPOSITES = {
    "young": "old, elderly",
    "old": "young",
    "elderly": "young",
    "tall": "short",
    "short": "tall",
    "small": "huge, very large",
    "tiny": "huge, very large",
    "little": "tall",
    "big": "tiny, very small",
    "large": "tiny, very small",
    "smiling": "crying, frowning",
    "happy": "sad, crying",
    "cheerful": "sad, angry",
    "laughing": "crying",
    "bald": "long-haired",
    "bearded": "clean-shaven",
    "wet": "dry",
    "muddy": "clean",
    "fat": "thin, skinny",
    "slim": "heavy",
    "thin": "heavy",
    "blond": "dark-haired",
    "dark-haired": "blond",
    "gray-haired": "red-haired",
    "red-haired": "gray-haired",
    "curly-haired": "bald",
    "relaxed": "nervous",
    "noisy": "silent",
    "fluffy": "hairless",
}

# True of somebody only among their like: a large puppy need not be a large dog.
RELATIVE = frozenset({"small", "large", "big", "tiny", "little", "young", "old", "tall", "short"})

# What a picture does not settle, by kind of subject.
UNSEEN = {
    "adult": (
        "rich, lonely, famous, married, hungry, bored, clever, thirsty, local, homesick, polite, "
        "nervous, foreign, tired, wealthy, talented"
    ),
    "child": (
        "clever, bored, thirsty, local, lucky, spoiled, polite, hungry, talented, well-behaved, "
        "nervous, tired"
    ),
    "animal": "hungry, thirsty, lost, friendly, stray, trained, clever, lonely, tired, gentle",
}

COLORS = "red, blue, black, white, green, yellow, pink, brown, orange, gray, purple"
MORE_COLORS = (
    "striped, bright, dark, colorful, plaid, light blue, long, heavy, new, silver, turquoise"
)

# With :m or :f those that only men or women wear.
GARMENTS = (
    "shirt, hat, jacket, coat, dress:f, t-shirt, sweater, cap, helmet, skirt:f, vest, uniform, "
    "scarf, suit:m, sweatshirt, hoodie, tank top, apron, blouse:f, raincoat, straw hat, tie:m, "
    "baseball cap, costume, robe, cardigan, poncho, bow tie:m, headband, leather jacket, wig, "
    "kimono:f, backpack"
)
# Only as plurals.
GARMENT_PAIRS = (
    "shorts, jeans, boots, gloves, sunglasses, pants, sneakers, overalls, sandals, mittens"
)
ANIMAL_COLLARS = "collar, leash, harness, ribbon, bandana, bow"

# ---------------------------------------------------------------------------------------------
# Where
# ---------------------------------------------------------------------------------------------

# category | side (out, in or either)
# and, indented, its places: where one is / where one moves | noun | adjectives
PLACES = """
green|out
    in/through|park|city, sunny, crowded, quiet, large, small, public, shady
    in/around|garden|flower, beautiful, small, quiet, sunny, botanical, vegetable
    on/across|lawn|green, wide, neat, sunny
    in/around|backyard|small, sunny, green, fenced
    in/across|field|grassy, open, green, large, wide, muddy
    in/through|meadow|green, sunny, wide, flowery
    near/past|pond|small, quiet, shallow, muddy
    under/around|tree|tall, large, big, shady, old, apple
    on/past|bench|wooden, park, green, stone
    by/past|fountain|large, stone, marble, public
    in/around|playground|new, sunny, busy, colorful
    on/up|hill|grassy, green, small, steep
    in/through|orchard|sunny, old, apple, cherry
    in/through|campground|quiet, busy, crowded
    on/around|picnic blanket|colorful, large, checkered
beach|out
    on/along|beach|sandy, wet, sunny, crowded, quiet, rocky, tropical
    by/along|ocean|blue, calm, wide
    on/along|shore|rocky, sandy, quiet
    on/along|pier|wooden, long, old
    near/past|lighthouse|white, tall, old
    on/across|sand|wet, hot, white, soft
    near/past|sand dune|large, steep, tall
    on/along|boardwalk|wooden, busy, sunny
water|either
    in/across|lake|calm, blue, cold, clear, large
    in/down|river|cold, shallow, wide, clear, calm
    in/through|water|clear, cold, blue, shallow
    in/through|ocean|blue, calm, warm
sea|out
    in/across|ocean|blue, calm, warm, cold, deep
    in/across|waves|big, large, high, small, blue
yard|out
    in/around|garden|flower, beautiful, small, quiet, sunny, botanical, vegetable, large
    in/around|backyard|small, sunny, green, fenced
    in/around|front yard|small, neat, sunny
    in/through|orchard|sunny, old, apple, cherry
    in/through|vineyard|large, sunny, old
    on/across|terrace|sunny, small, stone
pool|either
    in/across|pool|blue, swimming, large, outdoor, indoor, shallow, hotel, deep
    in/around|wading pool|small, shallow, round
waterside|out
    by/along|river|wide, calm, muddy, cold
    near/around|lake|calm, blue, quiet, frozen, large
    on/along|dock|wooden, small, sunny, old
    on/across|bridge|wooden, stone, narrow, old, long
    beside/along|stream|small, rocky, narrow, clear
    near/past|waterfall|small, beautiful, tall
    by/along|canal|quiet, narrow, wide
    in/around|harbor|busy, small, quiet
street|out
    on/down|street|busy, city, narrow, crowded, quiet, wet, cobblestone
    on/along|sidewalk|busy, crowded, narrow, city
    on/down|road|dirt, country, long, empty, dusty, winding
    on/around|street corner|busy, quiet
    in/across|parking lot|empty, large, full
    in/through|alley|narrow, dark, quiet
    in/across|town square|busy, crowded, sunny, old
    outside/past|store|small, busy, brick, shoe, toy
    in front of/past|building|tall, brick, large, old, white, glass
    at/through|intersection|busy, wide
    near/past|statue|large, bronze, stone, famous
    in/through|downtown area|busy, crowded
    outside/past|church|old, small, white, stone
    by/past|brick wall|tall, old, red, painted
    on/down|driveway|long, gravel, steep
    in/through|village|small, quiet, mountain, old
snow|out
    in/through|snow|deep, fresh, white, soft
    on/down|slope|snowy, steep, icy, gentle
    on/down|mountain|snowy, tall, icy
    on/down|snowy hill|steep, small, tall
    on/across|frozen lake|large, small
    near/past|ski lodge|wooden, busy, cozy
forest|out
    in/through|forest|dark, green, quiet, pine, thick
    on/along|trail|narrow, dirt, rocky, steep, forest, winding
    in/through|woods|quiet, dark, snowy
    on/along|path|narrow, stone, muddy, winding, gravel
    on/over|rocks|large, wet, mossy, steep
    on/along|cliff|steep, rocky, high
    near/past|campfire|small, bright, warm
    by/past|tent|small, large, green, orange
    in/through|canyon|deep, narrow, rocky
    in/through|valley|green, wide, quiet
    near/past|cabin|wooden, small, old
farm|either
    on/around|farm|small, large, family, quiet
    in/through|barn|red, old, wooden, large
    in/around|stable|clean, old, wooden
    by/along|fence|wooden, white, wire, long
    in/across|pasture|green, wide, fenced
    near/past|tractor|old, red, green, rusty
    beside/past|haystack|large, tall, dry
kitchen|in
    in/around|kitchen|small, clean, modern, bright, busy, messy, large
    at/around|counter|kitchen, clean, long, marble
    by/around|stove|hot, old, gas
    at/around|kitchen table|small, wooden, round
home|in
    in/around|living room|cozy, small, bright, messy, large
    on/around|couch|old, comfortable, brown, leather, soft, green
    in/around|bedroom|small, tidy, bright, messy
    at/around|table|wooden, round, small, long, dining
    on/across|carpet|soft, red, old, thick
    in/down|hallway|narrow, long, dark, bright
    near/past|fireplace|warm, stone, brick
    by/past|window|large, open, bright, tall
    in/around|armchair|comfortable, old, leather, brown
    on/around|bed|large, soft, unmade, bunk
    in/around|basement|dark, messy, finished
cafe|in
    in/through|restaurant|busy, small, fancy, crowded, Italian, new
    in/around|cafe|small, cozy, crowded, busy, quiet
    at/past|bar|crowded, long, busy
    in/around|diner|small, old-fashioned, busy
    in/around|coffee shop|busy, quiet, small, cozy
    in/through|cafeteria|crowded, school, noisy
    in/around|bakery|small, busy, warm
stage|either
    on/across|stage|large, small, brightly lit, dark, wooden, outdoor
    at/around|concert|crowded, loud, outdoor, small
    at/around|festival|music, crowded, summer, street
    in/through|theater|dark, small, crowded, old
    at/around|party|birthday, crowded, lively, garden
    at/around|wedding|beautiful, large, outdoor
    in/through|ballroom|large, elegant, crowded
    at/through|fair|county, busy, colorful
shop|in
    in/through|supermarket|large, busy, crowded
    in/around|bookstore|small, quiet, old, busy
    in/through|store|clothing, small, grocery, busy, toy
    in/around|flower shop|small, colorful
    in/through|shopping mall|busy, crowded, large
    in/around|hardware store|old, large
market|either
    at/through|market|outdoor, crowded, busy, fish, farmers, colorful
    at/past|fruit stand|small, colorful, busy
    at/past|food truck|busy, yellow, small
    at/past|vegetable stall|crowded, small
    at/through|flea market|busy, crowded, outdoor
school|in
    in/around|classroom|bright, small, crowded, quiet, noisy
    in/through|library|quiet, large, public, school
    at/around|desk|wooden, messy, large, small
    in/around|office|small, busy, bright, modern, quiet
    in/through|museum|art, large, quiet, science
    in/through|lecture hall|large, crowded
    in/around|art studio|bright, messy, small
    in/around|laboratory|clean, bright, modern
work|in
    in/around|workshop|dusty, small, messy, bright
    in/around|garage|messy, dark, large, small
    in/through|factory|noisy, large, old, busy
    in/through|warehouse|large, dusty, cold
    in/around|shed|small, wooden, old
site|out
    at/across|construction site|large, busy, dusty, muddy
    on/up|ladder|tall, wooden, metal
    on/across|roof|steep, flat, tiled
    on/up|scaffold|high, tall, metal
    on/along|railroad track|old, rusty
gym|either
    in/around|gym|small, crowded, school, modern, bright
    on/across|court|basketball, tennis, indoor, outdoor, empty
    in/around|stadium|large, crowded, full
    on/across|field|soccer, baseball, football, muddy
    on/around|mat|blue, soft, yoga
    on/around|track|running, wet, red
    at/around|skate park|busy, concrete, new
    on/around|ice rink|large, crowded, outdoor
station|either
    at/through|train station|busy, crowded, old, large
    at/past|bus stop|crowded, busy, empty
    on/along|platform|crowded, train, long
    on/through|train|crowded, full, fast, subway
    on/through|bus|crowded, city, tour, full
    in/through|airport|busy, crowded, large
    in/through|subway station|busy, dark, crowded
    in/through|waiting room|small, full, quiet
    on/around|ferry|crowded, large, white
"""
# Categories of places far enough apart that nobody is at both. Besides, whatever is outdoors
# excludes whatever is indoors.
PLACES_APART = {
    "beach": "street forest farm yard snow green",
    "street": "forest farm yard",
    "forest": "farm yard site",
    "green": "site",
    "pool": "kitchen cafe shop school work forest farm street snow",
    "water": "kitchen home cafe shop school work gym station street",
    "sea": "kitchen home cafe shop school work gym station street snow farm",
    "kitchen": "shop school work station stage gym market farm",
    "home": "cafe shop school work station market gym",
    "cafe": "school work gym station farm",
    "shop": "school work gym station farm",
    "school": "work gym station market farm",
    "work": "gym station stage market",
    "station": "beach forest farm stage",
    "gym": "farm market",
}
# Found at many places: these exclude nothing but what is on the other side of a door.
COMMON_SPOTS = (
    "bench, tree, fountain, hill, fireplace, couch, armchair, hallway, basement, fence, bridge, "
    "path, rocks, statue, brick wall, building, picnic blanket, mat, campfire, tent, bed, party, "
    "wedding"
)
# On either side of a door, whatever their category.
EITHER_SIDE = "table, bar, counter, carpet, window, desk, mat"
NO_ARTICLE_NOUNS = (
    "woods, rocks, sand, snow, water, waves"  # "on wet sand", "on the sand", never "a sand"
)
DEFINITE_NOUNS = "ocean, downtown area"  # "by the ocean"
# Places to sit, and places that one does not run around on.
SEATS = "bench, picnic blanket, couch, armchair, bed, bus, train, ferry, tractor, haystack"
SPOTS = (
    "tree, table, counter, kitchen table, desk, bar, window, fireplace, stove, mat, ladder, "
    "scaffold, roof, street corner, bus stop, platform, waiting room, campfire, cabin, "
    "lighthouse, carpet"
)

# ---------------------------------------------------------------------------------------------
# What
# ---------------------------------------------------------------------------------------------

# category | said more broadly | one (two different ones exclude each other) or any | adjectives
# and, indented, nouns: with ~ mass nouns, with + plurals; the others are countable.
THINGS = """
food|some food|one|large, big, delicious, small, tasty, huge, homemade
    sandwich, apple, ~pizza, ~ice cream, hot dog, banana, burger, ~cake, salad, +noodles, cookie,
    ~popcorn, +french fries, ~bread, orange, ~cheese, +pancakes, slice of watermelon, muffin,
    bowl of soup, donut, ~rice, peach, plate of spaghetti, pretzel, taco, pear, ~chicken, bagel,
    lollipop, +grapes, ~chocolate, carrot, plate of sushi, burrito, cupcake, bowl of cereal,
    +blueberries, croissant, omelet, +waffles, ear of corn, ~yogurt
drink|something|one|large, cold, small, refreshing
    ~water, ~coffee, cup of tea, ~juice, glass of milk, soda, bottle of water, ~lemonade,
    cup of coffee, milkshake, glass of orange juice, ~hot chocolate, smoothie, mug of cocoa, ~cider
dish|some food|any|big, large, delicious, hot, traditional, spicy, simple
    meal, ~dinner, ~breakfast, pot of soup, ~lunch, ~pasta, +vegetables, pan of noodles, stew,
    bowl of salad, ~rice, +eggs, pot of curry, ~sauce, omelet, +dumplings, ~bacon, pan of mushrooms
baked|some food|one|large, big, delicious, small, fresh, sweet, round
    cake, ~bread, +cookies, pizza, pie, apple pie, +muffins, +cupcakes, loaf of bread, +biscuits,
    +rolls, birthday cake, +pretzels, tart, ~gingerbread
grilled|some food|one|large, juicy, thick, spicy
    +sausages, ~meat, +burgers, steak, ~corn, ~fish, ~chicken, +ribs, +vegetables, +hot dogs,
    ~salmon
vegetable|some food|any|large, fresh, ripe, small
    +onions, +carrots, +vegetables, +tomatoes, potato, +peppers, ~lettuce, +apples, cucumber,
    +mushrooms, ~garlic, lemon, ~celery, pumpkin, ~cabbage, pineapple, +herbs, mango, eggplant
dishware|something|one|dirty, large, clean, small
    +dishes, plate, +pots, +glasses, bowl, +pans, +cups, +spoons, frying pan, teapot, kettle
reading|something|one|thick, old, small, large, new, interesting
    book, newspaper, magazine, letter, map, comic book, menu, novel, storybook, brochure, poem,
    textbook, sign, picture book, recipe, dictionary, manual, postcard, notebook, travel guide
writing|something|any|long, short, secret, friendly
    letter, note, postcard, list, poem, story, report, shopping list, diary, essay, song, message
picture|something|any|large, colorful, small, beautiful, detailed, strange
    picture, portrait, landscape, flower, mural, cartoon, still life, sunset, castle, dragon, map,
    rainbow, sailboat, self portrait, butterfly, rocket
instrument|an instrument|one|large, old, small, wooden, shiny, red
    guitar, piano, violin, drum, flute, accordion, trumpet, saxophone, cello, keyboard, harmonica,
    banjo, tambourine, clarinet, bass guitar, harp, ukulele, trombone, tuba, xylophone, mandolin,
    oboe, organ, sitar
music|something|any|old, sad, famous, happy, slow
    song, folk song, lullaby, hymn, love song, ballad, duet, Christmas carol, opera, chorus, melody
game|a game|one|
    ~soccer, ~basketball, ~football, ~tennis, ~volleyball, ~baseball, ~frisbee, ~rugby, ~hockey,
    ~cricket, ~badminton, ~golf, ~lacrosse, ~softball, ~dodgeball, ~handball, ~table tennis,
    ~kickball
tablegame|a game|one|
    ~chess, ~cards, ~checkers, ~a board game, ~a video game, ~dominoes, ~pool, ~darts, ~bingo
ball|something|one|red, white, yellow, small, large, blue, orange, bouncy, muddy
    ball, soccer ball, frisbee, tennis ball, football, baseball, beach ball, basketball, rugby ball
bike|something|one|red, blue, new, old, small, shiny, black, green, rusty
    bike, bicycle, scooter, skateboard, tricycle, unicycle, mountain bike, motorcycle, tandem bike
mount|an animal|one|brown, white, black, large, gray, small, young
    horse, pony, donkey, camel, elephant, llama, mule
vehicle|a vehicle|one|red, old, blue, white, yellow, green, large, small, rusty, black, shiny, dusty
    car, truck, tractor, van, bus, taxi, golf cart, jeep, pickup truck, convertible, sports car,
    fire truck, delivery van, snowplow, bulldozer
loaded|something|one|red, white, large, small, old, yellow
    truck, van, car, trailer, wagon, pickup truck, ship, delivery van, bus, train
boat|a boat|one|small, red, yellow, wooden, blue, old, narrow
    canoe, kayak, rowboat, raft, dinghy, gondola, paddle boat
load|something|one|large, heavy, small, wooden, full, big
    box, bag, basket, suitcase, ladder, chair, bucket, crate, backpack, tray, stack of books, table,
    sack of potatoes, bundle of sticks, cardboard box, bag of groceries, barrel, wooden plank,
    basket of laundry, bouquet of flowers, umbrella, surfboard, mattress, rolled carpet, trunk
cart|something|one|heavy, large, small, full, red, old
    cart, stroller, wheelbarrow, shopping cart, wagon, lawn mower, baby carriage, sled, hand truck
machine|something|any|old, broken, rusty, large, small, new
    bike, car, roof, fence, truck, engine, computer, window, motorcycle, door, boat, wheel, radio,
    washing machine, clock, tractor, sink, flat tire, lawn mower, bridge, chair, pipe,
    sewing machine, toaster, camera, printer, lamp, wall
structure|something|one|small, wooden, tall, large, new, stone
    wall, fence, house, shed, bench, birdhouse, tower, treehouse, table, bookshelf, deck, doghouse,
    staircase, model airplane, raft, cabinet, chicken coop
surface|something|one|large, dirty, white, small, wooden, old, tall
    window, floor, table, wall, car, door, mirror, statue, bathtub, counter, fence, chalkboard,
    carpet, blackboard, fish tank, oven, sink, staircase
plant|something|any|small, tall, colorful, young, green, large
    +flowers, tree, plant, +roses, rosebush, +vegetables, +tulips, bush, cactus, +tomatoes, fern,
    +sunflowers, hedge, vine, +daisies, +strawberries, +beans, orchid, potted plant
fruit|some fruit|one|ripe, red, fresh, large
    +apples, +strawberries, +oranges, +cherries, +grapes, +pears, +blueberries, +peaches, +lemons,
    +plums, +berries, +olives, +raspberries, +apricots
goods|something|any|large, new, cheap, small, colorful, expensive
    +flowers, +vegetables, dress, book, +shoes, hat, ~bread, +apples, toy, ~fish, ticket, newspaper,
    necklace, +souvenirs, ~fruit, bag, guitar, ~jewelry, balloon, ~cheese, ~ice cream, ring, lamp,
    +postcards, painting, +groceries, rug, watch, ~honey, phone, +spices, vase, bracelet
device|something|one|old, new, small, black, silver, shiny
    laptop, computer, cell phone, tablet, typewriter, calculator, copy machine, microscope, printer
sight|something|any|large, old, beautiful, colorful, tall, strange, bright, small
    painting, statue, building, sunset, rainbow, mountain, bridge, castle, boat, airplane,
    waterfall, map, fountain, train, tower, parade, +fireworks, cathedral, +stars, flower, balloon,
    mural, hot air balloon, dinosaur skeleton, ship, whale, windmill, sculpture, poster, exhibit,
    spider web
show|something|any|long, exciting, funny, old, famous
    movie, parade, football game, concert, play, soccer match, puppet show, race, cartoon,
    baseball game, magic show, street performance, documentary, air show, circus act, news program,
    wedding
fed|an animal|one|small, white, brown, hungry, large, young, black, gray
    duck, pigeon, dog, horse, goat, cat, bird, cow, rabbit, chicken, lamb, sheep, squirrel, kitten,
    calf, deer, donkey, giraffe, pony, swan, goose, turtle, parrot, pig, elephant
petted|an animal|one|small, white, brown, fluffy, black, gray, large, friendly, sleepy
    dog, cat, horse, puppy, kitten, rabbit, goat, pony, lamb, cow, guinea pig, hamster, parrot,
    donkey, turtle, baby goat, golden retriever
leashed|a dog|any|small, brown, black, large, white, fluffy, old, playful
    dog, puppy, poodle, terrier, beagle, collie, golden retriever, bulldog, spaniel, greyhound
toy|a toy|one|red, small, colorful, wooden, blue, yellow, green, new, old
    toy car, doll, toy train, teddy bear, ball, toy truck, puzzle, kite, balloon, water gun, yo-yo,
    robot, dollhouse, spinning top, toy boat, drum, puppet, hula hoop, marble, toy airplane,
    jump rope
garment|something|one|red, blue, warm, long, colorful, white, small, striped, green
    sweater, scarf, hat, dress, blanket, shirt, quilt, costume, +mittens, +socks, curtain, flag,
    apron
gift|something|one|large, small, colorful, birthday, big
    present, box, gift, package, letter, envelope, parcel, Christmas present, bottle, jar, umbrella
obstacle|something|any|small, wooden, low, large, high, muddy
    fence, puddle, log, bench, hurdle, wall, stream, fallen tree, rock, bush, hedge, gate, rope,
    ditch
climbed|something|one|tall, steep, large, high, rocky, old
    tree, rock, wall, mountain, rope, ladder, cliff, hill, boulder, fence, rope ladder,
    climbing wall
held|something|any|large, small, red, white, colorful, blue, yellow
    flag, sign, camera, balloon, umbrella, baby, flower, cup, stick, phone, newspaper, kite, basket,
    lantern, candle, trophy, microphone, map, paper bag, bouquet, water bottle, stuffed animal,
    rope, fishing rod, paintbrush, torch, broom, shell
stick|something|one|large, long, yellow, small, red, blue
    stick, ball, frisbee, tennis ball, bone, branch, toy, rope, shoe, sock, stuffed toy, newspaper
chased|something|one|small, red, brown, yellow, white, gray
    ball, squirrel, cat, bird, butterfly, frisbee, rabbit, tennis ball, pigeon, duck, leaf, mouse
bird_food|some food|any|small, dry
    +seeds, ~bread, +crumbs, worm, ~corn, +berries, fish, +nuts
grazing|some food|any|green, fresh
    ~grass, ~hay, +leaves, apple, carrot, ~straw
circus|some things|one|colorful, red, orange, yellow
    +balls, +oranges, +torches, +bowling pins, +clubs, +rings, +plates, +apples
someone|somebody|any|young, old, smiling, tall
    friend, neighbor, woman, man, child, stranger, teacher, baby, tourist, police officer, clown,
    cousin
listened|something|any|famous, old, interesting, funny, good
    story, song, speech, lecture, radio, concert, singer, teacher, storyteller, band, choir
ride|something|one|red, late, crowded, yellow
    bus, train, taxi, ferry, streetcar, school bus
specimen|something|one|small, strange, large, glass, clear
    rock, leaf, insect, test tube, fossil, beetle, bone, flask, shell, plant, crystal, mushroom,
    feather
"""

# With several people, each has their own: "two boys ride bikes", not "ride a bike".
EACH_OWN = "bike mount instrument reading writing held device leashed garment stick drink"
# Always one, however many people there are.
ONE_FOR_ALL = (
    "vehicle loaded boat climbed machine structure surface obstacle show ball chased picture ride "
    "cart sight toy music"
)
# Different words that do not exclude each other.
OVERLAPS = """
book, novel, storybook, textbook, dictionary, manual, notebook, travel guide, recipe, poem
map, travel guide, brochure, menu, sign
ball, soccer ball, tennis ball, football, baseball, beach ball, basketball, rugby ball, toy
bike, bicycle, tricycle, unicycle, motorcycle, scooter
car, taxi, convertible, jeep, van, truck, snowplow, bulldozer, tractor, bus, trailer, wagon
dog, puppy, poodle, terrier, beagle, collie, golden retriever, bulldog, spaniel, greyhound
cat, kitten
cow, calf
sheep, lamb
bird, duck, pigeon, chicken, swan, goose, parrot
horse, pony, donkey, mule
box, crate, trunk, present, gift, package, parcel, letter, envelope
bag, backpack, suitcase, basket
rock, boulder, cliff, mountain, hill, climbing wall, fossil, crystal
leaf, plant, insect, beetle, bone, shell
piano, keyboard, organ
drum, tambourine
guitar, ukulele, banjo, mandolin, sitar
violin, cello
sandwich, burger, hot dog
cake, cupcake, muffin, pie, tart
cupcakes, muffins, rolls, bread, biscuits, cookies, gingerbread
meat, steak, ribs, sausages, burgers, chicken, fish, salmon, hot dogs, vegetables, corn
berries, strawberries, blueberries, raspberries, cherries
dishes, plate, pots, glasses, bowl, pans, cups, teapot, kettle
blanket, quilt
scarf, socks, mittens
water, soda, smoothie, juice, lemonade
hot chocolate, mug of cocoa
car, wall, door, window
log, fallen tree, bush, hedge, fence, wall, gate, stream, ditch, puddle
friend, neighbor, woman, man, child, stranger, teacher, customer, tourist, police officer, old man
stick, branch, bone, toy, stuffed toy, sock, shoe
toy car, toy truck, robot, teddy bear, doll, puppet
baseball, softball, kickball
"""

# ---------------------------------------------------------------------------------------------
# Doing
# ---------------------------------------------------------------------------------------------

# verb phrase | group | who | where | flags
# who: A adult, C child, D dog, K cat, H horse, G grazing animal, B bird, W wild animal.
# flags: sit, stand (the posture it can be done in), bare (can be said without its object),
# passive, move (takes "along the beach" as well as "on the beach").
ACTIVITIES = """
eat {food}|eat|AC|cafe home green street market|sit stand bare passive
drink {drink}|drink|AC|cafe home green station|sit stand passive
share {food} with a friend|eat|AC|cafe home green|sit
read {reading}|read|AC|home school station green cafe|sit stand bare passive
play {instrument}|music|AC|stage street home green|sit stand passive
play {game}|ballgame|AC|gym green beach|
walk|walk|ACD|street beach forest green waterside market station|move
walk|walk|KHW|green farm forest|move
run|run|ACD|beach green street forest gym waterside|move
run|run|HW|beach green farm forest|move
ride {bike}|ride|AC|street green forest beach|move passive
kick {ball}|ballgame|AC|gym green beach street|passive
cook {dish}|cook|A|kitchen|stand bare passive
sit|sit|ACD|green home cafe street station beach waterside stage market|
sit|sit|KW|green farm forest|
stand|stand|AC|street station market green beach waterside farm stage|
stand|stand|DHGW|green farm waterside|
sleep|sleep|ACDK|home green beach farm station|sit
sleep|sleep|HGW|green farm forest|
swim|swim|ACD|water pool|move
talk to {someone}|talk|A|street cafe home green school market station|sit stand
play with {toy}|play|C|home green school beach|sit
sing {music}|sing|AC|stage home street school green|stand sit bare passive
dance|dance|AC|stage street home beach|
paint {picture}|art|AC|school home green|sit stand bare passive
jump over {obstacle}|jump|ACD|green street forest gym beach|
jump over {obstacle}|jump|H|green farm forest|
throw {ball}|ballgame|AC|green beach gym street|passive
catch {ball}|ballgame|AC|green beach gym|passive
ride {mount}|ride|AC|farm beach forest green|move
play {tablegame}|game|AC|home cafe school green|sit
wait for {ride}|wait|A|station street|sit stand
climb {climbed}|climb|AC|forest green gym|
feed {fed}|feed|AC|farm green waterside|stand
carry {load}|carry|AC|street market home site work station|passive move
watch {show}|watch|AC|home stage green street|sit stand
hold {held}|hold|AC|street green beach stage home market station|stand sit
take a picture of {sight}|photo|A|street green beach forest school waterside|stand
look at {sight}|watch|AC|street green school beach forest waterside|stand sit
jog|run|A|street green beach forest gym|move
repair {machine}|repair|A|work street home site farm|stand passive
drive {vehicle}|drive|A|street farm|passive move
buy {goods}|shop|A|market shop|stand passive
sell {goods}|shop|A|market street shop|stand sit passive
clean {surface}|clean|A|home work kitchen street school|passive
write {writing}|write|AC|school home cafe|sit passive
draw {picture}|art|AC|school home green street|sit bare passive
bake {baked}|cook|A|kitchen|passive
water {plant}|garden|A|yard home|passive
plant {plant}|garden|A|yard farm|passive
pick {fruit}|garden|AC|yard farm|passive
paddle {boat}|boat|AC|water|sit move
surf|surf|A|sea|
ski|snow|AC|snow|move
sled|snow|C|snow|move
build a snowman|snow|AC|snow|
snowboard|snow|A|snow|move
throw snowballs|snow|AC|snow|
shovel snow|snow|A|snow street|
build a sandcastle|play|C|beach|sit
fly a kite|play|AC|beach green|
blow bubbles|play|C|green home beach street|sit stand
swing on a swing|play|C|green|
slide down a slide|play|C|green|
play hopscotch|play|C|street school|
play hide and seek|play|C|green home forest|
pet {petted}|pet|AC|farm green street|sit
hug {someone}|hug|AC|home street station green|stand
wash {dishware}|clean|A|kitchen|stand passive
chop {vegetable}|cook|A|kitchen market|stand passive
slice {vegetable}|cook|A|kitchen|stand passive
stir {dish}|cook|A|kitchen|stand passive
grill {grilled}|cook|A|yard beach market|stand passive
wash {vehicle}|clean|A|street work|passive
sweep the floor|clean|A|home shop work kitchen|passive
build {structure}|repair|AC|work site green|passive
paint {surface}|paint|A|home street site|stand passive
push {cart}|push|A|street green market station|passive move
pull {cart}|push|AC|street green snow|passive move
type on {device}|office|A|school home cafe|sit
use {device}|office|A|school home cafe station|sit passive
talk on the phone|phone|A|street home cafe school station|sit stand
wave at {someone}|wave|AC|street station beach green|stand
smile at {someone}|smile|AC|home street cafe green school market|sit stand
laugh with {someone}|smile|AC|home cafe street green school stage|sit stand
pose for a picture|pose|AC|street beach green snow stage forest school|sit stand
listen to {listened}|listen|AC|school stage home green|sit
listen to music|listen|AC|station home green street|sit stand
march in a parade|walk|AC|street|
hike|walk|AC|forest|move
stroll|walk|A|green beach street waterside market|move
walk {leashed}|walk|AC|street green beach forest|move
skateboard|skate|AC|street gym|move
skate|skate|AC|gym street|move
do handstands|gymnastics|AC|gym beach green|
do cartwheels|gymnastics|C|gym beach green|
do yoga|gymnastics|A|gym beach green home|
stretch|gymnastics|A|gym beach green|stand
lift weights|gymnastics|A|gym|
jump on a trampoline|jump|AC|green gym|
jump rope|jump|AC|green gym street|
juggle {circus}|circus|A|street stage green|stand
perform a magic trick|circus|A|stage street|stand
knit {garment}|craft|A|home green station|sit bare
sew {garment}|craft|A|home work|sit bare passive
fold {garment}|craft|A|home shop|sit stand passive
wrap {gift}|craft|AC|home shop|sit passive
open {gift}|open|AC|home stage|sit stand passive
rake leaves|garden|AC|yard|
mow the grass|garden|A|yard|
trim {plant}|garden|A|yard|passive
dig a hole|dig|ACD|green beach farm site|passive
fish|fish|AC|waterside|sit stand
row {boat}|boat|A|water|sit move
sail|boat|A|water|
dive|swim|AC|pool|
float|swim|AC|pool water|
splash|swim|ACD|pool water|
examine {specimen}|science|AC|school|sit stand passive
study {specimen}|science|A|school|sit passive
teach {someone}|teach|A|school gym|stand
give a speech|speak|A|stage school street|stand
hammer a nail|repair|A|work site|stand
load {loaded}|carry|A|street work farm|passive
nap|sleep|ACDK|home green beach|sit
rest|rest|ADK|green home beach forest|sit
rest|rest|HGW|farm green forest|
chase {chased}|chase|CDK|green beach street home|move
carry {stick}|fetch|D|beach green water snow street|
catch {stick}|fetch|D|beach green snow|
chew on {stick}|chew|D|green home beach|
fetch {stick}|fetch|D|green beach water|
bark at {chased}|bark|D|street green home|
roll around|roll|DK|green snow beach|
shake off water|shake|D|beach waterside green|
play|play|DKC|green home snow beach|
play|play|W|green forest|
climb a tree|climb|KW|green forest|
climb a fence|climb|KW|green farm|
watch {chased}|watch|KD|home green|
play with a ball of yarn|play|K|home|
fly|fly|B|beach green waterside street|move
eat {bird_food}|eat|B|street green waterside market|passive
drink from a puddle|drink|BDKW|street green|
swim|swim|B|water|move
sing|sing|B|green forest|
build a nest|nest|B|green forest farm|
rest|rest|B|beach waterside green|
eat {grazing}|eat|HG|farm green|passive
graze|eat|HG|farm green|
gallop|run|H|farm beach green|move
trot|run|H|farm beach green street|move
pull a cart|pull|H|street farm|
run|run|G|farm green|move
walk|walk|G|farm green|move
drink some water|drink|HGDW|farm waterside green|
eat nuts|eat|W|green forest|
"""

# What each group amounts to, said more broadly.
BROADER = {
    "eat": "have something to eat, enjoy some food",
    "drink": "have a drink, take a sip",
    "read": "do some reading, read something",
    "music": "make music, make some noise",
    "ballgame": "play, take part in a sport",
    "walk": "move, go somewhere on foot",
    "run": "move, get some exercise, move quickly",
    "ride": "travel, move",
    "drive": "travel, move",
    "cook": "prepare some food, work with food",
    "sleep": "rest, relax",
    "swim": "get wet, spend time in the water",
    "art": "make some art, create something",
    "dance": "move, move to the music",
    "snow": "spend time in the snow",
    "climb": "move upward, go up something",
    "garden": "work with plants",
    "repair": "do some work, work with tools",
    "clean": "do some cleaning, clean something",
    "play": "have some fun, play",
    "office": "use a machine, work with a machine",
    "gymnastics": "exercise, move",
    "boat": "travel on the water, move across the water",
    "photo": "use a camera",
    "craft": "work with the hands",
    "skate": "move on wheels or blades",
    "sing": "make music, make some sound",
    "jump": "jump, move",
    "carry": "move something",
    "push": "move something",
    "fly": "move through the air",
    "circus": "entertain people, perform",
    "feed": "take care of an animal",
    "pet": "touch an animal",
    "shop": "take part in a sale",
}

# Groups that can go on at the same time as others, with what they do exclude. Two groups that are
# not listed here exclude each other, unless COMPATIBLE names both.
LIGHT = {
    "sit": "run walk swim dance climb snow surf ballgame skate jump fly stand gymnastics",
    "stand": "swim sleep sit ride drive run climb boat fly",
    "walk": "sleep swim ride drive sit cook climb boat surf run art craft office game write",
    "eat": "sleep swim music dance climb run sing surf snow art",
    "drink": "sleep swim music dance climb run sing surf",
    "talk": "sleep",
    "smile": "sleep",
    "watch": "sleep",
    "hold": "sleep swim climb",
    "listen": "sleep swim",
    "wait": "sleep swim run dance cook climb garden",
    "sing": "sleep swim eat drink read",
    "phone": "sleep swim music sing dance",
    "wave": "sleep swim cook",
    "pose": "sleep swim cook run",
    "hug": "sleep swim cook run ride climb",
    "speak": "sleep swim cook run eat",
    "bark": "sleep swim eat",
    "chew": "sleep swim run",
    "rest": (
        "run swim dance climb ride cook repair music ballgame jump pull fly carry chase clean push"
    ),
    "fly": "sleep swim sit stand nest walk rest",
    "teach": "sleep swim eat drink run",
    "roll": "sleep swim run sit stand",
    "shake": "sleep eat sit",
    "open": "sleep swim run",
    "pet": "sleep swim run cook climb",
    "chase": "sleep eat sit swim",
    "fetch": "sleep eat sit",
    "carry": "sleep swim sit music read art",
    "play": "sleep cook read clean repair office",
    "circus": "sleep swim cook read",
    "jump": "sleep sit cook read swim ride",
    "dance": "sleep cook read swim eat ride repair garden",
}
COMPATIBLE = (
    "read write office science teach art",
    "cook clean",
    "repair paint carry push garden clean dig craft",
    "ballgame run skate gymnastics jump",
    "swim boat fish surf",
    "feed pet garden",
    "snow run gymnastics push pull",
    "ride drive",
    "photo art",
    "run push pull",
)

# Adverbs by group, "" for those that fit anything.
ADVERBS = {
    "": "happily, quietly, calmly",
    "move": "slowly, quickly, happily, quietly",
    "work": "carefully, slowly, busily, patiently, skillfully",
    "rest": "peacefully, quietly, calmly",
    "fun": "happily, cheerfully, playfully, excitedly, eagerly",
    "music": "loudly, softly, happily, beautifully, skillfully, gently",
}
ADVERB_GROUPS = {
    "move": "walk run ride drive swim boat skate fly",
    "work": "cook repair garden clean craft art carry science paint write",
    "rest": "sleep sit stand read wait fish",
    "fun": "play ballgame dance snow circus chase",
    "music": "music sing",
}
ADVERB_OPPOSITES = {
    "slowly": "quickly",
    "quickly": "slowly",
    "quietly": "loudly, noisily",
    "loudly": "quietly, softly",
    "softly": "loudly",
    "happily": "sadly, angrily",
    "cheerfully": "sadly",
    "carefully": "carelessly",
    "calmly": "nervously",
}

# What goes at the end. {his} agrees with the subject.
EXTRAS = {
    "time": (
        "on a sunny day, at night, in the afternoon, before work, on a summer day, "
        "in the morning, after lunch, on a weekend, in the evening, before dinner, at sunset, "
        "on vacation, after school, on a Monday, for an hour, on a holiday, during the holidays, "
        "because it is Sunday, on a day off, on a cold day, early in the morning, during a trip, "
        "at noon, after a long day, on a rainy day, on a windy day, in the spring, in the summer, "
        "with {his} friends, with a friend, with {his} family, after a busy week, all day, "
        "for a while, until dark"
    ),
    "social": (
        "with {his} friends, with a friend, for the first time, with {his} family, for fun, "
        "to relax, to pass the time, to impress {his} friends, to win a bet, with {his} cousin, "
        "with {his} neighbor, every weekend, instead of working, with {his} classmates, "
        "for a school project, to celebrate, with {his} sister, with {his} brother, "
        "for the last time, as a surprise, to get better, to please {his} parents, "
        "with an old friend, to make new friends, for a television show"
    ),
    "animal": (
        "on a sunny day, in the morning, at sunset, on a cold day, in the afternoon, "
        "on a summer day, in the evening, at night, on a windy day, after a meal, "
        "with {his} owner nearby, for the first time, before dinner, every morning, "
        "in the spring, after a long nap, in the summer, at noon"
    ),
}
# Groups of activities that take no company and no purpose.
STILL_GROUPS = "sleep stand sit rest wait"
# A purpose that belongs to a group.
REASONS = {
    "cook": "for the whole family, for the guests, for a party, for {his} friends, for a contest",
    "music": "for money, for a small crowd, at a wedding, for {his} grandmother, in a competition",
    "sing": "for money, for a small crowd, at a wedding, for {his} teacher, in a competition",
    "run": "in a race, for charity, to catch a bus, to stay healthy, for exercise, to get home",
    "walk": "to work, home, to the store, for exercise, to meet a friend",
    "ride": "to work, home, to school, in a race, to the store",
    "ballgame": "against another team, in a tournament, for {his} school, to win a prize",
    "swim": "in a race, to cool off, for exercise, with dolphins, to win a medal",
    "garden": "for a neighbor, for the spring, to earn money, to feed {his} family",
    "repair": "for a customer, for a friend, to save money, for {his} uncle",
    "art": "for an exhibition, for {his} mother, for a contest, to sell later",
    "read": "for a class, to learn something new, before an exam, to a friend",
    "shop": "for a gift, for {his} mother, for a party, at a good price",
    "clean": "before the guests arrive, for {his} boss, to earn money, after a party",
    "dance": "for an audience, in a competition, at a wedding, to celebrate a victory",
    "write": "to a friend, for a newspaper, for {his} teacher, to {his} grandmother",
    "craft": "for a baby, for {his} daughter, to sell later, for the winter",
}

# While somebody else does something.
SECOND_PEOPLE = (
    "watch, look on, wait, smile, laugh, take pictures, clap, cheer, listen, point, wave, talk, "
    "stand nearby, sit nearby, walk past, hold a camera, read a map, drink coffee, relax, "
    "eat lunch"
)
SECOND_ANIMALS = (
    "watch, sleep nearby, run around, look on, wait, sit nearby, walk past, rest nearby, play"
)

QUANTIFIERS = (
    "two, three, several, some, a group of, four, many, a few, a couple of, five, the, a pair of, "
    "six"
)
PEOPLE_QUANTIFIERS = (
    "two, a group of, three, several, some, a crowd of, four, many, a few, five, a couple of, the"
)
# Weaker statements that follow from a count.
WEAKER_COUNTS = {
    "two": "some, at least two, a number of, a couple of, multiple",
    "a couple of": "some, at least two, a number of, two",
    "a pair of": "some, at least two, two, a number of",
    "three": "some, at least two, several, a group of, more than two, multiple",
    "four": "some, several, a group of, at least three, more than two, multiple",
    "five": "several, some, a group of, at least four, a bunch of, multiple",
    "six": "several, some, a group of, at least five, a bunch of, multiple",
    "several": "some, a number of, multiple, a group of",
    "some": "a number of, multiple",
    "a few": "some, a number of, multiple",
    "many": "some, several, a lot of, multiple",
    "a group of": "some, several, a number of, multiple",
    "a crowd of": "many, some, a lot of, several",
    "the": "some, multiple",
}
# Counts that exclude one.
OTHER_COUNTS = {
    "two": "three, four, five, a crowd of, six",
    "a couple of": "five, a crowd of, six",
    "a pair of": "three, five, four, six",
    "three": "two, five, six, a pair of, four",
    "four": "two, three, a pair of, six",
    "five": "two, three, a couple of, four",
    "six": "two, three, four, a pair of",
    "a": "two, three, several, four, a group of",
    "many": "two, three, a pair of",
    "a crowd of": "two, three, a pair of",
}
