// Package status holds what there is to see of the engine: plain values that
// the session publishes and that user interfaces read. Values are immutable
// once published and may be read by any goroutine.
package status

import (
	"context"
	"net/netip"
	"time"

	"shoal/metainfo"
)

// Phase is what a torrent is doing. Exactly one holds at a time.
type Phase uint8

const (
	Opening  Phase = iota // files and resume record are being looked at
	Metadata              // a magnet link is looking for its info dictionary
	Checking              // pieces on disk are being hashed
	Leeching              // something wanted is missing
	Partial               // everything wanted is there, but not everything (BEP 21)
	Seeding               // everything is there
	Moving                // files are being moved
	Paused
	Failed // stopped by an error; see Torrent.Err
)

// String returns the phase in one lower-case word.
func (p Phase) String() string {
	return [...]string{"opening", "metadata", "checking", "downloading", "partial", "seeding", "moving", "paused", "failed"}[p]
}

// Torrent is the summary of one torrent. Sizes are in bytes, rates in bytes a second.
type Torrent struct {
	ID    metainfo.ID
	Name  string // foreign text: clean before showing
	Dir   string // download folder
	Phase Phase
	Err   string // why Phase is Failed; one line with cause and next step

	Size   int64 // of all files, pad files left out
	Wanted int64 // of the selected files
	Have   int64 // verified bytes of the wanted files
	// Metadata and MetadataHave are how many pieces the info dictionary has that is being looked for, and how many of them
	// are here, as far as known in the phase Metadata. Asked is how many peers were asked for it so far.
	Metadata, MetadataHave, Asked int
	// Checked is the share of pieces looked at so far while Checking, 0 to 1.
	Checked float64

	Pieces, PiecesHave, PieceLength int
	Private                         bool

	Down, Up       int64 // bytes a second, smoothed over about 5 s
	DownTotal      int64 // payload bytes received in this and earlier runs
	UpTotal        int64 // payload bytes sent in this and earlier runs
	Wasted         int64 // payload bytes received in vain: duplicates and failed pieces
	Corrupt        int64 // those of them that were in failed pieces
	FailedPieces   int
	Available      int64 // of the missing wanted bytes those that connected peers have, about
	Peers, Seeds   int   // connected peers, and those among them that have everything
	PeersSending   int   // peers that unchoke us, and send or have requests out
	PeersChoking   int   // peers that have what we lack and do not let us ask for it; 0 unless Leeching
	PeersReceiving int   // peers that we have unchoked and that are interested
	Interested     int   // peers that want something of us, unchoked or not: the demand for upload slots
	Dialing        int   // connection attempts under way
	Candidates     int   // known addresses that are not connected
	Banned         int
	From           Sources // connected peers by how they were found

	// Time is where the time went that was spent on downloading.
	Time Causes
	// ETA is the expected time until everything wanted is there; negative when unknown.
	ETA time.Duration
	// Added and Finished are wall clock times; Finished is zero before completion.
	Added, Finished time.Time
	// Active is when payload last came or went in this run; zero for never.
	Active time.Time
}

// File is one file of a torrent.
type File struct {
	Path   string // mapped, slash-separated, below Torrent.Dir
	Offset int64  // of its first byte in the torrent, in bytes: padding, which no list of files has, counts too; 0 where nobody looked
	Length int64
	Have   int64
	Wanted bool
	// Priority is 0 when the file is not wanted, else 1 (low), 2 (normal) or 3 (high).
	Priority uint8
}

// Peer is one connection.
type Peer struct {
	Addr      netip.AddrPort
	PeerID    [20]byte
	Client    string // foreign text: clean before showing
	Source    string // how it was found: user, tracker, dht, pex, local or incoming
	Incoming  bool
	UTP       bool    // over uTP (BEP 29) and not TCP
	Encrypted bool    // all of the connection, not its handshake alone
	Have      float64 // share of the pieces the peer has, 0 to 1
	Down, Up  int64   // bytes a second
	DownTotal int64
	UpTotal   int64
	// The four flags of BEP 3: who chokes and who is interested.
	AmChoking, AmInterested, PeerChoking, PeerInterested bool
	Snubbed                                              bool
	Queue                                                int // blocks requested and not yet here
}

// Tracker is one tracker of a torrent.
type Tracker struct {
	URL                  string
	Tier                 int
	Backup               bool      // another one of its tier is asked
	Working              bool      // the last announce succeeded
	Announcing           bool      // one is under way
	Err                  string    // why the last one failed, or its warning: foreign text, clean before showing
	Next, Last           time.Time // of announces; zero for never
	NextScrape           time.Time // not before; zero when none is planned
	LastScrape           time.Time
	Peers                int // addresses in the last reply
	Complete, Incomplete int // seeds, and peers that are none; -1 when unknown
	Downloaded           int // how often it was completed; -1 when unknown
}

// Stats are the totals of the process.
type Stats struct {
	Down, Up           int64 // bytes a second
	DownTotal, UpTotal int64
	Torrents, Peers    int
	Asleep             int // torrents that are complete and nobody asks for just now
	Listen             []netip.AddrPort
	External           netip.Addr // ours as trackers and peers see it, IPv4 where both are known; zero when it is not
	PieceMemory        int64      // bytes of open pieces
	Reach              Reach
	DHT                []DHT // our nodes, one for each family; none when the DHT is off
	// DHTEvery is how long it takes, as things are, until each torrent was announced in the DHT once; zero when none is.
	DHTEvery time.Duration
}

// DHT is our node in the distributed hash table of one family (BEP 5, BEP 32).
type DHT struct {
	IPv6     bool
	ID       metainfo.Hash
	Good     int        // nodes that answered lately
	Nodes    int        // nodes known
	Online   bool       // somebody was heard within the last minute
	External netip.Addr // our address as others see it; the zero value when they do not agree on one
}

// Reach is what is known of whether peers outside of the local network can connect to us. The zero value is: nothing.
type Reach struct {
	// Mapped says that a router has agreed to let connections through to us, Method how it was
	// asked: "UPnP" or "NAT-PMP".
	Mapped bool
	Method string
	// External is where the router takes connections for us. Its address is what the router says: the zero value when it
	// does not know, a private one when there is a second router behind it.
	External netip.AddrPort
	// Incoming says that a peer has connected from outside: that is a proof.
	Incoming bool
}

// Backend is what user interfaces need of an engine, in this process or
// behind a wire. Methods that change something return after the change is
// visible in the snapshots.
type Backend interface {
	Torrents(ctx context.Context) ([]Torrent, error)
	Files(ctx context.Context, id metainfo.ID) ([]File, error)
	Peers(ctx context.Context, id metainfo.ID) ([]Peer, error)
	Trackers(ctx context.Context, id metainfo.ID) ([]Tracker, error)
	Stats(ctx context.Context) (Stats, error)
	Pause(ctx context.Context, id metainfo.ID) error
	Resume(ctx context.Context, id metainfo.ID) error
	Remove(ctx context.Context, id metainfo.ID) error
}
