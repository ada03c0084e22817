"""The Inform 7 text that every story has: the commands of every game, what is read after a turn, and the mark.

A turn ends with one line in brackets, [sparring POINTS OUTCOME TURN ACCEPTED ROOM], from which score, end and room are
read. No text of a game holds a bracket, and the story repeats no word of a player. Neither undo nor any other command
of the Standard Rules is left.
"""

KINDS = """
A ware is a kind of thing.
A fixture is a kind of thing. A fixture is usually fixed in place.
A gateway is a kind of thing. A gateway is usually fixed in place.
A gateway can be open or closed. A gateway can be locked or unlocked. A gateway can be openable or unopenable.
A gateway is usually closed, unlocked and openable.
A gateway has an object called the front. A gateway has an object called the back.
A container is usually fixed in place. A supporter is usually fixed in place.
A thing has an object called the unlocker.
A thing has an object called the follower. The follower property translates into I6 as "follower".
A thing has a text called the label. The label property translates into I6 as "label".
The first-ware is an object that varies. The first-standing is an object that varies.
A room can be told. A room has a text called the heading. A room has a text called the ways.
The points is a number that varies.
The moves is a number that varies.
The outcome is a number that varies.
The acceptance is a number that varies.
The gap is a number that varies.
"""

RULES = """
To decide which object is the spot of (T - an object): (- parent({T}) -).
To decide which object is the one after (T - an object): (- ({T}.follower) -).

Use undo prevention.
The display banner rule is not listed in any rulebook.
The initial room description rule is not listed in any rulebook.
The declare everything initially unmentioned rule is not listed in the turn sequence rulebook.
The update chronological records rule is not listed in the turn sequence rulebook.
The timed events rule is not listed in the turn sequence rulebook.
The adjust light rule is not listed in the turn sequence rulebook.
The note object acquisitions rule is not listed in the turn sequence rulebook.
The notify score changes rule is not listed in the turn sequence rulebook.
Rule for constructing the status line: rule succeeds.

To accept: now the acceptance is 1.

To settle:
	accept;
	judge the world.

To decide whether (T - an object) is here:
	if T is a gateway:
		if the front of T is the location or the back of T is the location, yes;
		no;
	decide on whether or not the spot of T is the location.

To decide whether (T - an object) is shown:
	if T is a supporter, yes;
	if T is not a container, no;
	decide on whether or not T is open.

To decide whether (T - an object) is seen:
	if T is here, yes;
	let H be the spot of T;
	if H is nothing, no;
	if H is the player, yes;
	if H is a thing and H is here and H is shown, yes;
	no.

To decide which number is the count from (F - an object) at (P - an object):
	let N be 0;
	let T be F;
	while T is not nothing:
		if the spot of T is P, increase N by 1;
		let T be the one after T;
	decide on N.

To list (N - a number) from (F - an object) at (P - an object):
	let T be F;
	while N > 0:
		if the spot of T is P:
			say "[label of T][no line break]";
			decrease N by 1;
			if N is 1, say " and [no line break]";
			if N > 1, say ", [no line break]";
		let T be the one after T.

To list the wares at (P - an object):
	let N be the count from the first-ware at P;
	if N is 1, say " is [no line break]";
	otherwise say " are [no line break]";
	list N from the first-ware at P;
	say ".[no line break]".

To space out:
	if the gap is 1, say " [no line break]";
	now the gap is 1.

To show the fixtures:
	let N be the count from the first-standing at the location;
	if N > 0:
		space out;
		say "You see [no line break]";
		list N from the first-standing at the location;
		say " here.[no line break]".

To show the contents:
	let T be the first-standing;
	while T is not nothing:
		if the spot of T is the location and T is shown:
			if the first thing held by T is nothing:
				if T is a container:
					space out;
					say "The [printed name of T] is empty.[no line break]";
			otherwise:
				space out;
				if T is a container, say "In the [printed name of T][no line break]";
				otherwise say "On the [printed name of T][no line break]";
				list the wares at T;
		let T be the one after T.

To show the floor:
	if the count from the first-ware at the location > 0:
		space out;
		say "On the floor[no line break]";
		list the wares at the location.

To show the room:
	now the gap is 0;
	say "[heading of the location][line break]";
	if the location is told:
		space out;
		say "[description of the location][no line break]";
	show the fixtures;
	show the contents;
	show the floor;
	say "[line break][ways of the location][line break]You carry [no line break]";
	let N be the count from the first-ware at the player;
	if N is 0, say "nothing[no line break]";
	list N from the first-ware at the player;
	say ".[line break][line break][no line break]".

To show the turn:
	say "[line break][line break][no line break]";
	show the room;
	if the outcome is 1, say "You have won.[line break][no line break]";
	if the outcome is 2, say "You have lost.[line break][no line break]";
	say "[task][line break]Score [points] of [highest], turn [moves] of [limit].[line break][no line break]";
	say "[bracket]sparring [points] [outcome] [moves] [acceptance] [printed name of the location][close bracket][line break]";
	now the acceptance is 0.

To finish the turn:
	increase the moves by 1;
	if the outcome is 0, count the time;
	show the turn;
	if the outcome is not 0, follow the immediately quit rule.

After deciding the scope of the player:
	repeat with G running through gateways:
		if G is here, place G in scope.

Rule for printing a parser error:
	say "That means nothing here.[no line break]";
	finish the turn.

Instead of going a direction (called D): head D.

Looking-around is an action applying to nothing. Understand "look" as looking-around.
Carry out looking-around: say "You look around.[no line break]"; accept; finish the turn.

Taking stock is an action applying to nothing. Understand "inventory" as taking stock.
Carry out taking stock: say "You look at what you carry.[no line break]"; accept; finish the turn.

Studying is an action applying to one visible thing. Understand "examine [something]" as studying.
Carry out studying:
	if the noun is seen:
		say "[description of the noun][no line break]";
		accept;
	otherwise:
		say "You see no such thing here.[no line break]";
	finish the turn.

Grabbing is an action applying to one visible thing. Understand "take [something]" as grabbing.
Carry out grabbing:
	let H be the spot of the noun;
	if the noun is not a ware:
		refuse the noun;
	otherwise if H is the location:
		say "You take the [printed name of the noun].[no line break]";
		now the player carries the noun;
		settle;
	otherwise if H is a thing and H is here and H is shown:
		draw the noun from H;
	otherwise:
		refuse the noun;
	finish the turn.

To draw (T - a thing) from (H - an object):
	say "You take the [printed name of T] from the [printed name of H].[no line break]";
	now the player carries T;
	settle.

To refuse (T - a thing):
	unless T is seen, say "You see no such thing here.[no line break]";
	otherwise say "You cannot do that with the [printed name of T] now.[no line break]".

Drawing is an action applying to two visible things. Understand "take [something] from [something]" as drawing.
Carry out drawing:
	if the noun is a ware and the spot of the noun is the second noun and the second noun is here and the second noun is shown:
		draw the noun from the second noun;
	otherwise:
		refuse the noun;
	finish the turn.

Leaving behind is an action applying to one visible thing. Understand "drop [something]" as leaving behind.
Carry out leaving behind:
	if the noun is a ware and the spot of the noun is the player:
		say "You drop the [printed name of the noun].[no line break]";
		now the noun is in the location;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.

Filling is an action applying to two visible things. Understand "put [something] in [something]" as filling.
Carry out filling:
	if the noun is a ware and the spot of the noun is the player and the second noun is a container and the second noun is here and the second noun is shown:
		say "You put the [printed name of the noun] in the [printed name of the second noun].[no line break]";
		now the noun is in the second noun;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.

Laying is an action applying to two visible things. Understand "put [something] on [something]" as laying.
Carry out laying:
	if the noun is a ware and the spot of the noun is the player and the second noun is a supporter and the second noun is here:
		say "You put the [printed name of the noun] on the [printed name of the second noun].[no line break]";
		now the noun is on the second noun;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.

Swinging open is an action applying to one visible thing. Understand "open [something]" as swinging open.
Carry out swinging open:
	if the noun is openable and the noun is here and the noun is closed and the noun is not locked:
		say "You open the [printed name of the noun].[no line break]";
		now the noun is open;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.

Swinging shut is an action applying to one visible thing. Understand "close [something]" as swinging shut.
Carry out swinging shut:
	if the noun is openable and the noun is here and the noun is open:
		say "You close the [printed name of the noun].[no line break]";
		now the noun is closed;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.

Freeing is an action applying to two visible things. Understand "unlock [something] with [something]" as freeing.
Carry out freeing:
	if the unlocker of the noun is the second noun and the spot of the second noun is the player and the noun is here and the noun is locked:
		say "You unlock the [printed name of the noun] with the [printed name of the second noun].[no line break]";
		now the noun is unlocked;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.

Securing is an action applying to two visible things. Understand "lock [something] with [something]" as securing.
Carry out securing:
	if the unlocker of the noun is the second noun and the spot of the second noun is the player and the noun is here and the noun is closed and the noun is unlocked:
		say "You lock the [printed name of the noun] with the [printed name of the second noun].[no line break]";
		now the noun is locked;
		settle;
	otherwise:
		refuse the noun;
	finish the turn.
"""
