package swarm

import (
	"errors"
	"net/netip"

	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// ErrNoMetadata is returned by commands that need the info dictionary before it was found.
var ErrNoMetadata = status.ErrNoMetadata

// ErrEnded is returned by commands to a swarm whose Run has returned.
var ErrEnded = errors.New("the torrent has been stopped")

// Disk takes jobs for the disk workers; piece.Disk is one. Submit never blocks, and the job's Done
// is called exactly once, from any goroutine.
type Disk interface {
	Submit(*piece.Job)
}

// Config is what New and Begin need. ID, PeerID, Disk and Host must be set, and Info and Store
// unless the swarm is to begin by looking for its info dictionary; the zero value of everything else is usable.
type Config struct {
	// Info is nil for a magnet link: the swarm then asks its peers for it (BEP 9) and tells Host.Metadata.
	Info   *metainfo.Info
	ID     metainfo.ID
	PeerID [20]byte
	// Name is what the torrent is called while Info is nil.
	Name string
	// Metadata is the info dictionary as ID was made of it, which peers may have of us (BEP 9); nil: they may not.
	Metadata []byte
	// Have are the pieces that are trusted to be on disk; Check are pieces to be hashed on disk before
	// anything is downloaded (disjoint from Have). Empty sets of length 0 mean none.
	Have, Check metainfo.Bitfield
	Store       *piece.Store
	Disk        Disk
	Host        Host
	// Seed starts the random source of every choice this swarm makes.
	Seed uint64
	// Priorities says what to fetch: for each file of Info 0 (nothing of it) or 1 to 3 (low, normal, high); nil: all normal.
	// Sequential fetches pieces in their order, within a priority. SetPriorities and SetSequential change them.
	Priorities []uint8
	Sequential bool
	// SuperSeed allows super-seeding, or not.
	SuperSeed SuperSeed
	// MaxPeers bounds the connections, 80 when 0; SetMaxPeers changes it.
	MaxPeers int
	// UploadSlots is the number of peers unchoked at a time; 0 lets the swarm choose by its upload rate, at least
	// 4. SetSlots changes it.
	UploadSlots int
	// Port is our listening port, told to peers (BEP 10); 0 is not told.
	Port uint16
	// DHTPort is the UDP port of our DHT node, told to peers that have one too (BEP 5); 0 is not told.
	DHTPort uint16
	// NoPex switches the exchange of addresses with peers (BEP 11) off, as a private torrent does.
	NoPex bool
	// Client is our name and version, told to peers.
	Client string
	// LimitedUp and LimitedDown say that payload of that direction may only be spent as Grant allows.
	LimitedUp, LimitedDown bool
	// Scope says whether an address may be used that this source named; nil allows every address.
	Scope func(addr netip.AddrPort, from Source) bool
	// DownTotal and UpTotal are payload bytes of earlier runs.
	DownTotal, UpTotal int64
	// Paused starts the swarm paused.
	Paused bool
}

// SourceKind is a way in which addresses are found. The order is the order of trust: at equal
// record the lower kind is dialled first.
type SourceKind uint8

// The kinds of sources.
const (
	FromUser SourceKind = iota // typed by the user, or x.pe of a magnet he gave
	FromTracker
	FromLocal // local service discovery
	FromDHT
	FromPeer // PEX, or a peer's own listening port (BEP 10)
)

// Trusted reports whether a private torrent (BEP 27) may use such addresses.
func (k SourceKind) Trusted() bool { return k <= FromTracker }

// Source is who named an address.
type Source struct {
	Kind SourceKind
	// By is the address of the tracker, node or peer that named it; zero when unknown or the user.
	By netip.Addr
}

const defaultMaxPeers = 80
