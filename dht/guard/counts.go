package guard

// Reason says why a datagram went no further. The values are an index into
// Counts.Dropped and Counts.Refused.
type Reason uint8

const (
	passes     Reason = iota // none: it goes on
	TooLarge                 // over 1500 bytes, or a reply that cannot be cut to what is allowed
	Malformed                // no single bencoded dictionary within the limits
	BadMessage               // a key is missing, or has the wrong type, length or range
	BadPort                  // announce_peer with a port that does not exist
	Unknown                  // a query that we do not serve
	Unasked                  // a reply or error to a query that we did not send
	BadAddress               // from, or to, an address of the other family or one that no node can have
	NotAllowed               // a query of ours to an address that Allow refuses
	OverSource               // too many queries from one address
	OverPrefix               // too many queries from one network, or replies to one
	OverTotal                // too many queries altogether
	TooOften                 // too many queries of ours to one address
	WeReadOnly               // a query or a reply to one while we are read-only
	numReasons
)

var reasonNames = [numReasons]string{
	"passes", "too-large", "malformed", "bad-message", "bad-port", "unknown-query", "unasked", "bad-address",
	"not-allowed", "over-source", "over-prefix", "over-total", "too-often", "read-only",
}

// Reasons returns every Reason, for tables and metrics.
func Reasons() []Reason {
	all := make([]Reason, 0, numReasons-1)
	for r := passes + 1; r < numReasons; r++ {
		all = append(all, r)
	}
	return all
}

// String returns a short name in lower case that does not change.
func (r Reason) String() string {
	if r >= numReasons {
		return "unknown-reason"
	}
	return reasonNames[r]
}

// Counts is how many datagrams took which way.
type Counts struct {
	Passed   uint64             // in, to the library
	Dropped  [numReasons]uint64 // in, by Reason
	Sent     uint64             // out, from the library to the socket
	Answered uint64             // out, errors 204 of our own
	Failed   uint64             // out, lost to an error of the socket
	Refused  [numReasons]uint64 // out, by Reason
}

// AllDropped returns the sum of Dropped.
func (n Counts) AllDropped() uint64 { return sum(&n.Dropped) }

// AllRefused returns the sum of Refused.
func (n Counts) AllRefused() uint64 { return sum(&n.Refused) }

func sum(a *[numReasons]uint64) (all uint64) {
	for _, n := range a {
		all += n
	}
	return all
}
