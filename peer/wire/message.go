// Package wire turns the frames of the peer protocol into bytes and back:
// messages, the 68-byte handshake and extension payloads. It owns no socket
// and starts no goroutine. Append functions and Parse functions may be called
// from any goroutine; a Reader belongs to one goroutine at a time.
package wire

import "shoal/internal/block"

// Kind is the id byte of a message on the wire, or one of the pseudo kinds
// above 255.
type Kind uint16

// Message ids: BEP 3, BEP 5 (Port), BEP 6 (Suggest to AllowedFast), BEP 10
// (Extended), BEP 52 (hash messages).
const (
	Choke         Kind = 0
	Unchoke       Kind = 1
	Interested    Kind = 2
	NotInterested Kind = 3
	Have          Kind = 4
	Bitfield      Kind = 5
	Request       Kind = 6
	Piece         Kind = 7
	Cancel        Kind = 8
	Port          Kind = 9
	Suggest       Kind = 13
	HaveAll       Kind = 14
	HaveNone      Kind = 15
	Reject        Kind = 16
	AllowedFast   Kind = 17
	Extended      Kind = 20
	HashRequest   Kind = 21
	Hashes        Kind = 22
	HashReject    Kind = 23

	KeepAlive Kind = 256 // the empty frame
	Unknown   Kind = 257 // an id this version does not know; the payload was skipped
)

// String returns the name of the kind, for logs and tests.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

var kindNames = [...]string{
	Choke: "choke", Unchoke: "unchoke", Interested: "interested", NotInterested: "not-interested", Have: "have",
	Bitfield: "bitfield", Request: "request", Piece: "piece", Cancel: "cancel", Port: "port", Suggest: "suggest",
	HaveAll: "have-all", HaveNone: "have-none", Reject: "reject", AllowedFast: "allowed-fast", Extended: "extended",
	HashRequest: "hash-request", Hashes: "hashes", HashReject: "hash-reject", KeepAlive: "keep-alive",
}

// Message is one frame of the peer protocol. It is a flat struct so that a
// batch of messages is one allocation. Which fields count depends on Kind:
//
//	Have, Suggest, AllowedFast     Index
//	Request, Cancel, Reject        Index, Begin, Length
//	Piece                          Index, Begin, Block (payload; owned by whoever holds the Message)
//	Port                           Index (the UDP port)
//	Bitfield                       Data (the bits)
//	Extended                       Index (the extended id), Data (payload)
//	HashRequest, Hashes, HashReject  Data (whole payload)
type Message struct {
	Kind                 Kind
	Index, Begin, Length uint32
	Block                *block.Block
	Data                 []byte
}
