package guard

// method is a query that we know.
type method uint8

const (
	otherMethod method = iota
	ping
	findNode
	getPeers
	announcePeer
)

var methodNames = [...]string{"", "ping", "find_node", "get_peers", "announce_peer"}

// Sizes in bytes of compact forms (BEP 5, 32, 33) and limits of ours.
const (
	maxDatagram = 1500
	idLen       = 20
	node4Len    = 26
	node6Len    = 38
	peer4Len    = 6
	peer6Len    = 18
	filterLen   = 256
	maxT        = 32
	maxToken    = 64
	maxNodes    = 8  // in one list
	maxPeers    = 50 // of both families together
	maxText     = 100
)

// message is one KRPC message with the fields that we know; all others do not pass.
// Byte slices alias the datagram that it was read from, or scratch space. A nil
// slice is an absent key.
type message struct {
	kind byte // 'q', 'r' or 'e'
	t    []byte
	ro   bool
	ip   []byte // 6 or 18 bytes

	method method // of a query
	id     []byte // of a query or reply
	args   args
	reply  reply

	code int64 // of an error
	text []byte
}

// args are the arguments of a query.
type args struct {
	infoHash, target, token []byte
	port                    int64 // 0 when absent
	implied                 bool
	noseed, scrape          bool
	want4, want6            bool
}

// reply is what a response carries.
type reply struct {
	hasNodes, hasNodes6 bool // an empty list is an answer, too
	nodes, nodes6       []byte
	peers4, peers6      []byte // values, in compact form without their lengths
	token               []byte
	bfpe, bfsd          []byte // BEP 33
}
