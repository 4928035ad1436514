package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
	"shoal/session/budget"
)

// demoName is the file that the demo makes and moves.
const demoName = "shoal-demo.bin"

// demoPatience is how long the demo waits before it says that something is wrong.
const demoPatience = 2 * time.Minute

type demoOptions struct {
	size     size
	rate     rate
	progress string
}

func newDemo(con *console) *cobra.Command {
	o := demoOptions{size: 64 << 20, rate: 24 << 20}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Move a file between two peers on this machine",
		Long: `Makes a file of random bytes and starts two peers and a third node on the
loopback interface. One peer has the file, the other gets a magnet link with
nothing but the info hash. There is no tracker: they find each other through the
distributed hash table, which the third node lets them enter, and move the file.
Nothing leaves this machine and nothing stays behind.`,
		Example: "  shoal demo\n  shoal demo --size 1GiB --rate 0       as fast as this machine can",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--progress", o.progress, "auto", "plain", "json", "none"); err != nil {
				return err
			}
			if o.size < 1 {
				return withCode(exitUsage, errors.New("--size must be at least 1 byte"))
			}
			return demo(cmd.Context(), con, &o)
		},
	}
	f := cmd.Flags()
	f.Var(&o.size, "size", "how much to move")
	f.Var(&o.rate, "rate", "slow down to RATE, so that there is something to see; 0 for full speed")
	f.StringVar(&o.progress, "progress", "auto", "auto, plain, json or none")
	choices(cmd, "progress", "auto", "plain", "json", "none")
	return cmd
}

// demoEvent is the demo's last JSON line.
type demoEvent struct {
	event
	ID      string  `json:"id"`
	Size    int64   `json:"size"`
	Pieces  int     `json:"pieces"`
	Seconds float64 `json:"seconds"`
	Sent    int64   `json:"sent"`
	Equal   bool    `json:"equal"`
}

func demo(ctx context.Context, con *console, o *demoOptions) (err error) {
	dir, err := os.MkdirTemp("", "shoal-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	patience := demoPatience + time.Duration(int64(o.size)/max(int64(o.rate), 1<<20))*time.Second
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the demo took too long: does a firewall close the loopback interface?"))
	defer cancel()
	log, closeLog, err := con.logger()
	if err != nil {
		return err
	}
	defer closeLog()
	d := demoRun{o: o, con: con, log: log, giver: filepath.Join(dir, "giver"), taker: filepath.Join(dir, "taker")}
	if d.torrent, err = d.prepare(ctx); err != nil {
		return err
	}
	d.magnet = metainfo.Magnet{ID: d.torrent.ID}
	con.Note("made %s of random bytes; one peer gives it to the other, on this machine alone: nobody outside can connect", text.SizeBinary(int64(o.size)))
	if err := d.move(ctx); err != nil {
		return err
	}
	equal, err := sameFile(filepath.Join(d.giver, demoName), filepath.Join(d.taker, demoName))
	if err != nil {
		return err
	}
	if !equal {
		return withCode(exitDamaged, errors.New("the two copies differ"))
	}
	d.tell()
	return nil
}

// demoRun is one run of the demo and what came of it.
type demoRun struct {
	o            *demoOptions
	con          *console
	log          *slog.Logger
	giver, taker string // folders
	torrent      *metainfo.Torrent
	magnet       metainfo.Magnet
	way          netip.AddrPort // the node that the peers enter through
	took         time.Duration
	sent         int64 // payload bytes that the giver sent
}

// prepare makes the folders, the file and its torrent.
func (d *demoRun) prepare(ctx context.Context) (*metainfo.Torrent, error) {
	if err := errors.Join(os.Mkdir(d.giver, 0o700), os.Mkdir(d.taker, 0o700)); err != nil {
		return nil, err
	}
	file := filepath.Join(d.giver, demoName)
	if err := randomFile(ctx, file, int64(d.o.size)); err != nil {
		return nil, err
	}
	return makeTorrent(ctx, d.con, file, metainfo.BuildOptions{})
}

// tell says what happened, in five lines.
func (d *demoRun) tell() {
	n, in := int64(d.o.size), d.torrent.Info
	speed := text.Rate(int64(float64(n) / d.took.Seconds()))
	d.con.Result("made      %s of random bytes, %s of %s, info hash %s", text.SizeBinary(n), text.Count(in.NumPieces(), "piece"), text.SizeBinary(in.PieceLength()), d.torrent.ID)
	d.con.Result("found     without a tracker: in the DHT, entered at %v, with nothing but %s", d.way, d.magnet.String())
	d.con.Result("moved     %s in %s, %s%s", text.Size(n), seconds(d.took), speed, d.o.limited())
	d.con.Result("checked   every piece against its hash, and both files byte for byte: they are equal")
	d.con.Result("removed   everything again; now yours: shoal seed PATH, shoal get MAGNET")
	d.con.Event(demoEvent{newEvent("done"), d.torrent.ID.String(), n, in.NumPieces(), d.took.Seconds(), d.sent, true})
}

func (o *demoOptions) limited() string {
	if o.rate == 0 {
		return ""
	}
	return " (held back to " + text.Rate(int64(o.rate)) + "; --rate 0 for full speed)"
}

// move runs the two peers and the node between them until the taker has everything.
func (d *demoRun) move(ctx context.Context) (err error) {
	third, err := d.start(budget.Limits{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, third.Close()) }()
	d.way = third.Addrs()[0]
	from, err := d.peer(ctx, budget.Limits{Up: int64(d.o.rate)}, session.Add{Torrent: d.torrent, Seed: true, Trust: true}, d.giver)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if err := from.Wait(ctx, d.torrent.ID); err != nil {
		return because(ctx, err)
	}
	began := time.Now()
	to, err := d.peer(ctx, budget.Limits{}, session.Add{Magnet: &d.magnet}, d.taker)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	finish := watch(d.con, d.o.progress, to, true)
	defer finish()
	if err := to.Wait(ctx, d.torrent.ID); err != nil {
		return because(ctx, err)
	}
	d.took = time.Since(began)
	summary, err := from.Summary(ctx, d.torrent.ID)
	d.sent = summary.UpTotal
	return err
}

// because tells why ctx ended where that is the reason.
func because(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return withCode(exitUnfinished, errors.New("interrupted; everything was removed again"))
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// start starts a session on the loopback interface, which enters the DHT through the third node.
func (d *demoRun) start(limits budget.Limits) (*engine, error) {
	cfg := session.Config{Listen: "127.0.0.1:0", NoLSD: true, NoPex: true, Client: clientName, Limits: limits, Log: d.log, DHT: &session.DHT{}}
	if d.way.IsValid() {
		cfg.DHT.Bootstrap = []string{d.way.String()}
	}
	return start(cfg)
}

// peer starts a session with one torrent.
func (d *demoRun) peer(ctx context.Context, limits budget.Limits, add session.Add, dir string) (*engine, error) {
	folder, err := fsys.OpenDir(dir)
	if err != nil {
		return nil, err
	}
	e, err := d.start(limits)
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	add.Folder = folder
	if _, err := e.Add(ctx, add); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// randomFile fills a new file with n random bytes.
func randomFile(ctx context.Context, name string, n int64) error {
	var seed [32]byte
	rand.Read(seed[:]) // never fails
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	source := mrand.NewChaCha8(seed)
	buf := make([]byte, 1<<20)
	for n > 0 && err == nil && ctx.Err() == nil {
		part := buf[:min(n, int64(len(buf)))]
		_, _ = source.Read(part) // never fails
		_, err = f.Write(part)
		n -= int64(len(part))
	}
	return errors.Join(err, ctx.Err(), f.Close())
}

// sameFile reports whether two files hold the same bytes.
func sameFile(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	ba, bb := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		na, ea := io.ReadFull(fa, ba)
		nb, eb := io.ReadFull(fb, bb)
		if na != nb || !bytes.Equal(ba[:na], bb[:nb]) {
			return false, nil
		}
		if ea != nil || eb != nil {
			return ended(ea) && ended(eb), nil
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
