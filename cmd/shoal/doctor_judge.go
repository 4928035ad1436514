package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"shoal/internal/text"
	"shoal/session"
	"shoal/status"
)

// The judgements of `shoal doctor`: each takes what was seen and returns findings. Nothing here looks at anything itself.

// level is how bad a finding is.
type level uint8

const (
	fine    level = iota // as it should be
	note                 // worth knowing
	warning              // something works worse than it could
	problem              // something does not work
)

func (l level) String() string { return [...]string{"ok", "note", "warning", "problem"}[l] }

// diagnosis is one sentence about one thing, and what to do about it.
type diagnosis struct {
	check  string // what it is about, in one word
	level  level
	says   string
	advice string // "" when there is nothing to do
}

// portFacts are what listening for peers came to.
type portFacts struct {
	asked   string // host:port as configured
	exact   bool   // the port was chosen by a person
	addrs   []netip.AddrPort
	udp     bool // sockets were needed and are there
	wantUDP bool
	err     error
	holders []string // who has the port that was asked for, as far as that can be seen
	daemon  bool     // the daemon's word: it listens, not we
}

func (p portFacts) judge() diagnosis {
	f := diagnosis{check: "port"}
	by := ""
	if len(p.holders) > 0 {
		by = " by " + strings.Join(p.holders, " and ")
	}
	const other = "choose another with --listen or [network] listen"
	switch {
	case p.err != nil:
		f.level, f.says, f.advice = problem, fmt.Sprintf("peers cannot come in: %v%s", p.err, by), other
	case p.daemon:
		f.says = "the daemon listens on " + addresses(p.addrs)
	case moved(p):
		f.level, f.advice = warning, "end the other program, or "+other
		f.says = fmt.Sprintf("port %s is taken%s: we would listen on %s", portOf(p.asked), by, addresses(p.addrs))
	case p.wantUDP && !p.udp:
		f.level, f.advice = warning, "the DHT needs it: end the other program, or "+other
		f.says = fmt.Sprintf("we can listen on %s, but the UDP port beside it is taken%s", addresses(p.addrs), by)
	default:
		f.says = "we can listen on " + addresses(p.addrs)
	}
	return f
}

// moved reports whether the session had to go to another port than the one asked for.
func moved(p portFacts) bool {
	want := portOf(p.asked)
	return want != "0" && len(p.addrs) > 0 && fmt.Sprint(p.addrs[0].Port()) != want
}

func portOf(hostPort string) string { return hostPort[strings.LastIndexByte(hostPort, ':')+1:] }

// reachFacts are what is known of the way in from outside.
type reachFacts struct {
	status.Reach
	own      []netip.Addr // of this machine, or those of them that we listen on
	external []netip.Addr // ours as nodes of the DHT see it
	unasked  bool         // the router was not to be asked
	waited   time.Duration
	port     uint16
}

func (r reachFacts) judge() diagnosis {
	f := diagnosis{check: "reach"}
	forward := fmt.Sprintf("forward port %d, TCP and UDP, to this machine in the router by hand, or switch UPnP or NAT-PMP on there", r.port)
	at := r.External.Addr()
	switch {
	case r.Incoming:
		f.says = "peers outside reach us: one has connected from there"
	case len(r.own) > 0 && !slices.ContainsFunc(r.own, func(a netip.Addr) bool { return !a.IsLoopback() }):
		f.level, f.says = note, "only this machine can come in, at "+list(r.own)
		f.advice = "listen on another address with --listen or [network] listen, if that was not meant"
	case r.public().IsValid():
		f.says = fmt.Sprintf("this machine has a public address itself, %v, so that only a firewall could keep peers away", r.public())
	case r.Mapped && at.IsValid() && !session.Public(at):
		f.level = warning
		f.says = fmt.Sprintf("the router lets connections through to us (%s), but its own address %v is not public: there is a second router before it", r.Method, at)
		f.advice = "ask the provider for a public address, or switch IPv6 on; downloads work without, but with fewer peers"
	case r.Mapped && at.IsValid() && r.differs(at):
		f.level = warning
		f.says = fmt.Sprintf("the router says that its address is %v, but others see us as %s", at, list(r.external))
		f.advice = "a tunnel or a second router lies between: peers reach us only if that forwards the port too"
	case r.Mapped && at.IsValid():
		f.says = fmt.Sprintf("the router lets connections to %v through to us (%s); nobody has come in yet, which would prove it", r.External, r.Method)
	case r.Mapped:
		f.level, f.says = note, fmt.Sprintf("the router lets connections to its port %d through to us (%s), but does not know its address", r.External.Port(), r.Method)
	case r.unasked:
		f.level, f.says = note, "the router was not asked to let connections through: that is switched off"
		f.advice = fmt.Sprintf("make sure that port %d, TCP and UDP, is forwarded to this machine", r.port)
	default:
		f.level, f.advice = warning, forward+"; downloads work without, but with fewer peers"
		f.says = fmt.Sprintf("no router agreed to let connections through to us%s (UPnP, NAT-PMP)", withinWords(r.waited))
	}
	return f
}

// withinWords says how long something was waited for, 0 for longer than anybody counted.
func withinWords(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " within " + seconds(d)
}

// public is a public address of the machine itself, IPv4 before IPv6; invalid when it has none. A public IPv6 address beside a private
// IPv4 one does not count: most peers come over IPv4.
func (r reachFacts) public() (a netip.Addr) {
	private4 := false
	for _, own := range r.own {
		switch {
		case own.Is4() && session.Public(own):
			return own
		case own.Is4():
			private4 = true
		case session.Public(own):
			a = own
		}
	}
	if private4 {
		return netip.Addr{}
	}
	return a
}

// differs reports whether others see us at an IPv4 address that is not the router's.
func (r reachFacts) differs(at netip.Addr) bool {
	other := false
	for _, a := range r.external {
		if a == at {
			return false
		}
		other = other || a.Is4() == at.Is4()
	}
	return other
}

func list[T fmt.Stringer](all []T) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, " and ")
}

// dhtFacts are what our nodes of the DHT have come to.
type dhtFacts struct {
	nodes  []status.DHT
	off    bool
	closed bool // entered through nodes that a person named
	names  error
	waited time.Duration
}

func (d dhtFacts) judge() (all []diagnosis) {
	switch {
	case d.off:
		return []diagnosis{{"dht", note, "the DHT is switched off: magnet links need a tracker or a peer by hand", ""}}
	case len(d.nodes) == 0:
		return []diagnosis{{"dht", warning, "there is no UDP socket for the DHT", "end the program that has the UDP port, or choose another port with --listen"}}
	}
	answers := 0
	for _, n := range d.nodes {
		answers += n.Good
	}
	for i, n := range d.nodes {
		f := diagnosis{check: "dht"}
		family := "IPv4"
		if n.IPv6 {
			family = "IPv6"
		}
		switch {
		case n.Good > 0:
			f.says = family + ": " + text.Count(n.Good, "node answers", "nodes answer")
			if n.External.IsValid() {
				f.says += fmt.Sprintf(" and see us at %v", n.External)
			}
		case answers > 0 || i > 0:
			f.level, f.says = note, family+": no node answers"
		default:
			f.level, f.says = problem, fmt.Sprintf("%s: no node answered%s", family, withinWords(d.waited))
			f.advice = "is there a network, and does a firewall let UDP out? In a network without internet name a node with --bootstrap"
			if d.closed {
				f.advice = "is the node of --bootstrap running, and does a firewall let UDP through?"
			} else if d.names != nil {
				f.advice = fmt.Sprintf("names cannot be resolved (%v): look at the network and its name server", d.names)
			}
		}
		all = append(all, f)
	}
	return all
}

// clockFacts are what the clock shows, and what it is compared with.
type clockFacts struct {
	now     time.Time
	jump    time.Duration // by how much the time of day went ahead of time itself meanwhile
	tracker string        // host that was asked for the time, "" for none
	date    time.Time     // what it said; zero: nothing
	err     error         // why it did not
	took    time.Duration // how long the answer took
}

const (
	clockStep = 500 * time.Millisecond // that the clock may be corrected by while we look
	clockOff  = 2 * time.Minute        // certificates and signed requests bear no more than some minutes
)

func (c clockFacts) judge() (all []diagnosis) {
	const set = "let the system set its clock by NTP (timedatectl set-ntp true)"
	f := diagnosis{check: "clock", says: "it is " + c.now.UTC().Format("2006-01-02 15:04:05") + " UTC here"}
	switch y := c.now.Year(); {
	case y < 2024 || y > 2100:
		f.level, f.advice = problem, set
		f.says = fmt.Sprintf("the clock stands in the year %d: certificates of trackers do not hold then", y)
	case c.jump > clockStep || c.jump < -clockStep:
		f.level, f.says = warning, fmt.Sprintf("the clock was moved by %v while we looked at it", c.jump.Round(time.Millisecond))
		f.advice = "dates in the list will be off; if that happens again, look for two programs that set the clock"
	}
	all = append(all, f)
	switch off := c.now.Sub(c.date); {
	case c.tracker == "":
	case c.err != nil:
		all = append(all, diagnosis{"tracker", warning, fmt.Sprintf("%s does not answer: %v", c.tracker, c.err), "is its address right, and is there a network?"})
	case c.date.IsZero():
		all = append(all, diagnosis{"tracker", note, c.tracker + " answers, but does not say what time it is", ""})
	case off > clockOff+c.took || off < -clockOff-c.took:
		all = append(all, diagnosis{"tracker", warning, fmt.Sprintf("our clock and that of %s are %v apart", c.tracker, off.Abs().Round(time.Second)), set})
	default:
		all = append(all, diagnosis{"tracker", fine, fmt.Sprintf("%s answers, and its clock agrees with ours", c.tracker), ""})
	}
	return all
}

// handleNeeds is how many files and connections a session with the default limits has open at most, and what a daemon adds.
const handleNeeds = 500 + 128 + 30 + spareHandles + 64

// judgeHandles looks at how many files and connections this process may have open; 0 is unknown.
func judgeHandles(limit int) diagnosis {
	f := diagnosis{check: "handles", says: fmt.Sprintf("up to %d files and connections may be open", limit)}
	const raise = "raise it: LimitNOFILE= in a unit, `ulimit -n` in a shell, or limits.conf"
	switch {
	case limit == 0:
		f.says = "this system has no limit of open files that could be asked for"
	case limit < 64:
		f.level, f.advice = problem, raise
		f.says = fmt.Sprintf("only %d files and connections may be open, too few to work", limit)
	case limit < 256:
		f.level, f.advice = warning, raise
		f.says += fmt.Sprintf("; that leaves few peers: %d are needed for all that shoal can use", handleNeeds)
	case limit < handleNeeds:
		f.level, f.advice = note, raise
		f.says += fmt.Sprintf("; with %d there could be more peers at a time", handleNeeds)
	}
	return f
}

// daemonFacts are what is known of a daemon for this state folder.
type daemonFacts struct {
	address string // of the one that answers
	version string // of the one that answers
	kind    string
	err     error  // why none answers
	wants   bool   // something answers, but wants to know a password
	holder  string // who holds the state folder, as its lock says; "" for nobody
	ours    string // our own version

	download, state  string // its folders, "" for those of another machine or program
	noDHT, noPortMap bool   // what is switched off there
}

func (d daemonFacts) judge() diagnosis {
	f := diagnosis{check: "daemon"}
	switch {
	case d.err == nil && d.kind != "" && d.kind != "shoal":
		f.level, f.says = note, fmt.Sprintf("%s %s answers at %s: it is not one of shoal's", d.kind, d.version, d.address)
	case d.err == nil && d.version != d.ours:
		f.level, f.says = warning, fmt.Sprintf("the daemon at %s runs version %s, and this is %s", d.address, d.version, d.ours)
		f.advice = "start the daemon anew"
	case d.err == nil:
		f.says = fmt.Sprintf("the daemon at %s answers, version %s", d.address, d.version)
	case d.wants:
		f.level, f.says = note, fmt.Sprintf("a daemon answers, but wants user and password: %v", d.err)
		f.advice = "if it is this user's, it has no socket where one is looked for: shoal list --connect unix:PATH"
	case d.holder != "":
		f.level, f.says = problem, fmt.Sprintf("a daemon has the state folder (%s), but does not answer: %v", d.holder, d.err)
		f.advice = "name its address, as in shoal list --connect ADDRESS; if it hangs, end it and start it anew"
	default:
		f.level, f.says = note, "no daemon runs: get and seed do without, add and list need one"
		f.advice = "shoal daemon"
	}
	return f
}
