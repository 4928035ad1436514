package session

import (
	"log/slog"
	"time"

	"shoal/internal/fsys"
	"shoal/peer"
	"shoal/session/budget"
)

// DefaultListen is where a session listens when Config.Listen is empty: the
// port of BEP 3 on every address of the machine.
const DefaultListen = ":6881"

// Config is what a session needs from outside. The zero value of every field means
// its default, so that Config{} is a working client that remembers nothing.
type Config struct {
	// Net is the network; nil means the machine's own, dialling from the host
	// of Listen.
	Net Net
	// Wall tells the time of day for stored dates; nil means time.Now. Nothing
	// is timed by it.
	Wall func() time.Time
	// Seed feeds every random choice that is not a secret; 0 draws one.
	Seed uint64
	// State is the folder of the resume records and locks; nil: nothing is
	// remembered and nothing is locked. The session does not close it.
	State fsys.FS
	// OpenFolder opens a folder that a torrent is being moved from or to, when a move that was cut short goes on; nil means fsys.OpenDir.
	OpenFolder func(path string) (fsys.FS, error)
	// Listen is host:port for peers, "" for DefaultListen. An empty host means IPv4
	// and IPv6. Port 0 lets the system choose.
	Listen string
	// ListenExact says that the port was asked for by a person: when it is taken New fails with
	// ErrPort. Otherwise the next free one of the 20 that follow is used.
	ListenExact bool
	// BootID names this start of the machine; "" means that pieces which were
	// not synced are hashed again at the next start.
	BootID string
	// Client is how we introduce ourselves to peers, like "shoal 0.1".
	Client string
	// Encryption is the policy for connections with peers.
	Encryption peer.Encryption
	// Limits are shared by all torrents of the session.
	Limits budget.Limits
	// MaxPeers is the number of connections one torrent may have; 0 means 100. SetSessionLimits changes both.
	MaxPeers int
	// OpenFiles is the number of payload files kept open; 0 means 128.
	OpenFiles int
	// Log gets what a person may want to read later; nil discards it.
	Log *slog.Logger
	// DHT, when set, makes nodes of the distributed hash table, one for each family with a UDP port.
	DHT *DHT
	// NoTrackers switches announces to trackers off, NoLSD the search in the local network (BEP 14), NoPortMap
	// asking the router to let connections through (also off when Listen names a host).
	NoTrackers, NoLSD, NoPortMap bool
	// NoPex switches the exchange of addresses with peers (BEP 11) off.
	NoPex bool
}
