// Package session owns what all torrents of this process share: listeners and
// handshakes, dials, disk workers and open files, the announce scheduler, the
// dealing of limits, resume records and locks. A Session may be used by any
// goroutine.
//
// Each torrent is one swarm with one loop; the session feeds it with
// connections and addresses and answers its wishes through swarm.Host. A complete torrent that nobody asks for has no swarm: it is
// asleep, a record in the registry that is shown and announced, until a handshake or a command wakes it. Nothing that is done each second or
// at each announce walks those.
// What works on the files of a torrent as a whole (Move, Rename, Verify) ends its run in order and lets an heir begin in
// its place, which does that first. Besides
// two goroutines a connection, one a handshake or announce under way and one a torrent that wakes or falls asleep there is a fixed
// set: one accept loop a listener, the disk workers, the announcer, the dealer,
// the record keeper, the inspector, which also deals slots and connections and
// looks for space on full disks, the watcher for sleep and new addresses, local discovery, the
// port mapper, and with the DHT one reader a UDP socket, one node a family and the one who sends them looking. Shared state lies in
// small structs with a mutex each, which is never held across a wait:
//
//	registry   which torrents there are, and which of them sleep or are on their way
//	dialer     whose turn it is to connect, who is banned, who is ourselves, who has too many connections
//	orders     what the user wants of one torrent: paused, limits, choice, trackers, names
//	shared     the limits of all torrents together
//	dealer     bytes and piece memory (package budget decides)
//	announcer  the schedules of all trackers (package tracker decides), and what scrapes told
//	keeper     which resume records are out of date (package state knows how to save)
//	live       which connections are served, and from which of our addresses
//	nearby     the local network and its router (packages lsd and portmap)
//	reach      whether others can connect to us, as far as that is known
//	overlay    our nodes in the DHT, and which torrent is looked up when (package dht walks)
//	socket     one UDP socket and who shares it, which is opened again when it dies
//	door       one listener, which is opened again when it dies
package session
