package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/rpc"
	"shoal/status"
)

// showOptions are the flags of show.
type showOptions struct {
	remote
	files, peers, trackers, pieces bool
}

func newShow(con *console) *cobra.Command {
	o := showOptions{remote: remote{con: con}}
	cmd := o.picking(&cobra.Command{
		Use:   "show ID...",
		Short: "Show everything about torrents of a daemon",
		Long: `Shows what there is to know about torrents: state, sizes, limits, times, and with flags their files, peers, trackers and pieces.

FLAGS of a peer: D we download from it, d we would, but it chokes us, K it would let us, but we want nothing; U we upload to it, u it
waits for that, ? it could have, but wants nothing; E encrypted, I it came to us, S it sends nothing any more.`,
		Example: `  shoal show 3
  shoal show 5aff --files --trackers
  shoal show all --filter state:error
  shoal show 3 --peers --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.each(cmd.Context(), args, "", o.show)
		},
	})
	f := cmd.Flags()
	f.BoolVar(&o.files, "files", false, "show the files")
	f.BoolVar(&o.peers, "peers", false, "show the connected peers")
	f.BoolVar(&o.trackers, "trackers", false, "show what the trackers say")
	f.BoolVar(&o.pieces, "pieces", false, "show which pieces are there")
	return cmd
}

func (o *showOptions) show(ctx context.Context, c *rpc.Client, e *status.Entry) error {
	o.con.Event(entryEventOf(e))
	for _, line := range entryLines(e) {
		o.con.Result("%-11s %s", line[0], line[1])
	}
	var failed []error
	part := func(wanted bool, show func(context.Context, status.Engine, *status.Entry) error) {
		if wanted {
			failed = append(failed, show(ctx, c, e))
		}
	}
	part(o.files, o.showFiles)
	part(o.trackers, o.showTrackers)
	part(o.peers, o.showPeers)
	part(o.pieces, o.showPieces)
	o.con.Result("")
	return errors.Join(failed...)
}

// entryLines are what is said of a torrent, as pairs of name and clean text.
func entryLines(e *status.Entry) (lines [][2]string) {
	add := func(name, format string, args ...any) {
		if s := fmt.Sprintf(format, args...); s != "" {
			lines = append(lines, [2]string{name, text.Clean(s, 0)})
		}
	}
	add("number", "%d", e.Number)
	add("name", "%s", e.Name)
	add("hash", "%s", e.ID)
	add("state", "%s, %s", stateWord(e), percent(e))
	add("error", "%s", e.Err)
	if unknown(e) {
		add("size", "not known yet")
	} else {
		add("size", "%s, %s of %s wanted here", text.Size(e.Size), text.Size(e.Have), text.Size(e.Wanted))
	}
	add("folder", "%s", e.Dir)
	add("rates", "down %s, up %s", text.Rate(e.Down), text.Rate(e.Up))
	add("moved", "down %s, up %s, ratio %.2f", text.Size(e.DownTotal), text.Size(e.UpTotal), ratio(&e.Torrent))
	add("peers", "%d connected, %d send, %d receive", e.Peers, e.PeersSending, e.PeersReceiving)
	if !e.Complete() && e.ETA >= 0 {
		add("eta", "%s", text.Duration(e.ETA))
	}
	add("limits", "%s", limitWords(e))
	add("goals", "%s", goalWords(e))
	add("queue", "%d, priority %s", e.QueuePosition+1, priorityWord(e.Priority))
	add("labels", "%s", strings.Join(e.Labels, ", "))
	add("group", "%s", e.Group)
	if e.Pieces > 0 {
		add("pieces", "%d of %d, %s each", e.PiecesHave, e.Pieces, text.SizeBinary(int64(e.PieceLength)))
	}
	if e.Private {
		add("private", "yes")
	}
	for tier, urls := range e.Trackers {
		add("tracker", "%d  %s", tier+1, strings.Join(urls, " "))
	}
	add("comment", "%s", e.Comment)
	add("added", "%s", dateWord(e.Added))
	if !e.Finished.IsZero() {
		add("finished", "%s", dateWord(e.Finished))
	}
	add("active", "%s", dateWord(e.Active))
	add("time", "downloading %s, seeding %s", text.Duration(e.Downloading), text.Duration(e.Seeding))
	add("magnet", "%s", e.Magnet())
	return lines
}

// unknown reports whether e is a magnet link whose info dictionary no peer has sent yet. Daemons before Transmission 4 do not count files,
// and a torrent of nothing but empty files has no piece.
func unknown(e *status.Entry) bool { return e.Files == 0 && e.Pieces == 0 }

// limitWords are the limits of a torrent.
func limitWords(e *status.Entry) string {
	var words []string
	for _, l := range []struct {
		name string
		n    int64
	}{{"down", e.DownLimit}, {"up", e.UpLimit}} {
		if l.n > 0 {
			words = append(words, l.name+" "+text.Rate(l.n))
		}
	}
	if e.Exempt {
		words = append(words, "those of all torrents do not count")
	}
	if e.MaxPeers > 0 {
		words = append(words, text.Count(e.MaxPeers, "peer"))
	}
	return strings.Join(words, ", ")
}

// goalWords are the goals of seeding that differ from the settings.
func goalWords(e *status.Entry) string {
	var words []string
	add := func(name string, mode status.GoalMode, value string) {
		switch mode {
		case status.GoalOwn:
			words = append(words, name+" "+value)
		case status.GoalNone:
			words = append(words, "no "+name)
		}
	}
	add("ratio", e.Ratio.Mode, fmt.Sprintf("%.2f", e.Ratio.Value))
	add("idle time", e.Idle.Mode, text.Duration(e.Idle.Value))
	add("seeding time", e.SeedTime.Mode, text.Duration(e.SeedTime.Value))
	return strings.Join(words, ", ")
}

// fileLine is the JSON line of one file of a torrent of a daemon.
type fileLine struct {
	event
	ID       string `json:"id"`
	Index    int    `json:"index"` // from 1
	Path     string `json:"path"`
	Length   int64  `json:"length"`
	Have     int64  `json:"have"`
	Wanted   bool   `json:"wanted"`
	Priority string `json:"priority,omitempty"`
}

// filePriority is a file's priority in one word.
func filePriority(p uint8) string { return [...]string{"skip", "low", "normal", "high"}[min(p, 3)] }

func (r *remote) showFiles(ctx context.Context, c status.Engine, e *status.Entry) error {
	files, err := c.Files(ctx, e.ID)
	if err != nil {
		return err
	}
	rows := make([][]string, len(files))
	for i, f := range files {
		done := 100
		if f.Length > 0 {
			done = int(100 * float64(f.Have) / float64(f.Length))
		}
		rows[i] = []string{fmt.Sprint(i + 1), fmt.Sprintf("%d%%", done), text.Size(f.Length), filePriority(f.Priority), text.Clean(f.Path, 0)}
		r.con.Event(fileLine{newEvent("file"), e.ID.String(), i + 1, f.Path, f.Length, f.Have, f.Wanted, filePriority(f.Priority)})
	}
	r.con.table([]column{{head: "FILE"}, {head: "DONE"}, {head: "SIZE"}, {head: "PRIORITY", left: true}, {head: "PATH", left: true, wide: true}}, rows)
	return nil
}

// connectionLine is the JSON line of a connected peer; rates in bytes a second.
type connectionLine struct {
	event
	ID         string         `json:"id"`
	Addr       netip.AddrPort `json:"addr"`
	Client     string         `json:"client"`
	Have       float64        `json:"have"` // a share
	Down       int64          `json:"down"`
	Up         int64          `json:"up"`
	Downloaded int64          `json:"downloaded"`
	Uploaded   int64          `json:"uploaded"`
	Flags      string         `json:"flags"`
}

// peerFlags are the letters that other clients show too: D d K for what we get, U u ? for what we give, E encrypted, I incoming, S snubbed.
func peerFlags(p *status.Peer) string {
	var b strings.Builder
	letter := func(on bool, l byte) {
		if on {
			b.WriteByte(l)
		}
	}
	letter(p.AmInterested && !p.PeerChoking, 'D')
	letter(p.AmInterested && p.PeerChoking, 'd')
	letter(!p.AmInterested && !p.PeerChoking, 'K')
	letter(p.PeerInterested && !p.AmChoking, 'U')
	letter(p.PeerInterested && p.AmChoking, 'u')
	letter(!p.PeerInterested && !p.AmChoking, '?')
	letter(p.Encrypted, 'E')
	letter(p.Incoming, 'I')
	letter(p.Snubbed, 'S')
	return b.String()
}

func (r *remote) showPeers(ctx context.Context, c status.Engine, e *status.Entry) error {
	peers, err := c.Peers(ctx, e.ID)
	if err != nil {
		return err
	}
	if len(peers) == 0 {
		r.con.Result("no peer is connected")
		return nil
	}
	rows := make([][]string, len(peers))
	for i := range peers {
		p := &peers[i]
		client := text.Clean(p.Client, 40)
		rows[i] = []string{fmt.Sprintf("%d%%", int(p.Have*100)), rateOrNone(p.Down), rateOrNone(p.Up), peerFlags(p), p.Addr.String(), client}
		r.con.Event(connectionLine{newEvent("connection"), e.ID.String(), p.Addr, client, p.Have, p.Down, p.Up, p.DownTotal, p.UpTotal, peerFlags(p)})
	}
	r.con.table([]column{{head: "HAS"}, {head: "DOWN"}, {head: "UP"}, {head: "FLAGS", left: true}, {head: "PEER", left: true}, {head: "CLIENT", left: true, wide: true}}, rows)
	return nil
}

// trackerLine is the JSON line of one tracker of a torrent.
type trackerLine struct {
	event
	ID      string     `json:"id"`
	URL     string     `json:"url"`
	Tier    int        `json:"tier"` // from 1
	Working bool       `json:"working"`
	Error   string     `json:"error,omitempty"`
	Seeds   int        `json:"seeds"`  // -1: unknown
	Others  int        `json:"others"` // the same
	Last    *time.Time `json:"last,omitempty"`
	Next    *time.Time `json:"next,omitempty"`
}

func (r *remote) showTrackers(ctx context.Context, c status.Engine, e *status.Entry) error {
	list, err := c.Trackers(ctx, e.ID)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		r.con.Result("no trackers")
		return nil
	}
	rows := make([][]string, len(list))
	for i := range list {
		t := &list[i]
		said := "works"
		switch {
		case t.Err != "":
			said = text.Clean(t.Err, 0)
		case !t.Working:
			said = "not asked yet"
		}
		rows[i] = []string{fmt.Sprint(t.Tier + 1), countOr(t.Complete), countOr(t.Incomplete), text.Clean(t.URL, 0), said}
		r.con.Event(trackerLine{newEvent("tracker"), e.ID.String(), t.URL, t.Tier + 1, t.Working, text.Clean(t.Err, 0), t.Complete, t.Incomplete, timeOrNil(t.Last), timeOrNil(t.Next)})
	}
	r.con.table([]column{{head: "TIER"}, {head: "SEEDS"}, {head: "OTHERS"}, {head: "TRACKER", left: true, wide: true}, {head: "SAYS", left: true, wide: true}}, rows)
	return nil
}

func countOr(n int) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// piecesLine is the JSON line about the pieces of a torrent.
type piecesLine struct {
	event
	ID      string `json:"id"`
	Count   int    `json:"count"`
	Have    int    `json:"have"`
	Missing string `json:"missing,omitempty"` // like 3,7-8
	Rarest  int    `json:"rarest"`            // how many connected peers have the rarest missing piece; -1: unknown
}

func (r *remote) showPieces(ctx context.Context, c status.Engine, e *status.Entry) error {
	d, err := c.Details(ctx, e.ID)
	if err != nil {
		return err
	}
	line := piecesLine{event: newEvent("pieces"), ID: e.ID.String(), Count: d.Have.Len(), Have: d.Have.Count(), Rarest: -1}
	for i := range d.Have.Len() {
		if !d.Have.Has(i) && i < len(d.Availability) && (line.Rarest < 0 || int(d.Availability[i]) < line.Rarest) {
			line.Rarest = int(d.Availability[i])
		}
	}
	line.Missing = missingPieces(&d.Have)
	r.con.Event(line)
	if unknown(e) {
		r.con.Result("%-11s %s", "pieces", "not known yet")
		return nil
	}
	r.con.Result("%-11s %d of %d", "have", line.Have, line.Count)
	if line.Missing != "" {
		r.con.Result("%-11s %s", "missing", line.Missing)
	}
	if line.Rarest >= 0 {
		r.con.Result("%-11s %s the rarest missing piece", "rarest", text.Count(int(line.Rarest), "peer has", "peers have"))
	}
	return nil
}

// missingPieces lists the pieces that are not there as numbers and ranges.
func missingPieces(have *metainfo.Bitfield) string {
	var b strings.Builder
	for i := 0; i < have.Len(); i++ {
		if have.Has(i) {
			continue
		}
		from := i
		for i+1 < have.Len() && !have.Has(i+1) {
			i++
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, from)
		if i > from {
			fmt.Fprintf(&b, "-%d", i)
		}
	}
	return b.String()
}
