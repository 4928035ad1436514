package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
)

// serve answers for an engine at a unix socket until stop is called.
func serve(t *testing.T, path string, engine Engine, opt Options) (stop func()) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- NewServer(engine, opt).Serve(ctx, ln, Door{Unix: true}) }()
	var once bool
	stop = func() {
		if once {
			return
		}
		once = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func dialAny(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// clientOf returns a client of a server for the engine.
func clientOf(t *testing.T, engine Engine) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	serve(t, path, engine, Options{Version: "0.1.0"})
	c, err := Dial("unix:"+path, Credentials{}, dialAny)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// sameEntry compares what an engine and its client say of a torrent, but for when it changed and below the second.
func sameEntry(t *testing.T, got, want status.Entry) {
	t.Helper()
	got.Changed, want.Changed = time.Time{}, time.Time{}
	if got, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestClientEntries: every field of an entry comes over the wire as it was.
func TestClientEntries(t *testing.T) {
	engine := fakeengine.New(3)
	c := clientOf(t, engine)
	ctx := t.Context()
	engine.Edit(fakeengine.Torrent(2).ID, func(e *status.Entry) {
		e.Labels, e.Group, e.DownLimit, e.UpLimit, e.Exempt, e.MaxPeers, e.Priority = []string{"a", "b"}, "g", 1234, 5, true, 7, -1
		e.Ratio, e.Idle = status.Goal[float64]{Mode: status.GoalOwn, Value: 1.25}, status.Goal[time.Duration]{Mode: status.GoalOwn, Value: 90 * time.Second}
		e.SeedTime = status.Goal[time.Duration]{Mode: status.GoalNone}
		e.Stopped, e.Phase, e.ETA, e.Err, e.Stalled, e.GoalReached, e.Private, e.Sequential = true, status.Failed, -1, "disk \x1b full", true, true, true, true
		e.Corrupt, e.Available, e.Wasted, e.FailedPieces = 11, 13, 14, 15
		e.Finished, e.Active, e.Created = time.Unix(1_700_000_500, 0), time.Unix(1_700_000_501, 0), time.Unix(1_700_000_502, 0)
		e.Downloading, e.Seeding, e.Comment, e.Creator = 5*time.Second, 6*time.Second, "comment", "creator"
		e.From = status.Sources{Tracker: 1, DHT: 2, PEX: 3, Local: 4, Incoming: 5, User: 6}
		e.PeersChoking, e.Interested, e.Dialing, e.Candidates, e.Banned, e.Seeds = 1, 2, 3, 4, 5, 6
		e.Time.All[status.Choked], e.Time.Minute[status.Running] = 3*time.Second, 1500*time.Millisecond
	})
	engine.Edit(fakeengine.Torrent(3).ID, func(e *status.Entry) {
		e.Phase, e.Metadata, e.MetadataHave, e.Asked, e.Verifying, e.Waiting, e.ETA, e.Checked = status.Metadata, 9, 4, 2, true, true, -1, 0.5
	})
	list, gone, err := c.Entries(ctx, time.Time{})
	want, _, _ := engine.Entries(ctx, time.Time{})
	if err != nil || len(gone) > 0 || len(list) != len(want) {
		t.Fatalf("%d of %d, gone %v, %v", len(list), len(want), gone, err)
	}
	for i := range want {
		sameEntry(t, list[i], want[i])
		e, err := c.Entry(ctx, want[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		sameEntry(t, e, want[i])
	}
	// What changes later comes alone, and what goes is told.
	mark := time.Now()
	engine.Edit(want[0].ID, func(e *status.Entry) { e.Name = "other" })
	if err := engine.Remove(ctx, want[1].ID, status.Removal{}); err != nil {
		t.Fatal(err)
	}
	list, gone, err = c.Entries(ctx, mark)
	if err != nil || len(list) != 1 || list[0].Name != "other" || !slices.Equal(gone, []int{2}) {
		t.Errorf("%+v, gone %v, %v", list, gone, err)
	}
	if list, gone, err = c.Entries(ctx, time.Now()); err != nil || len(list)+len(gone) > 0 {
		t.Errorf("nothing more happened: %+v, gone %v, %v", list, gone, err)
	}
	if list, gone, err = c.Entries(ctx, mark); err != nil || len(list) != 1 || !slices.Equal(gone, []int{2}) {
		t.Errorf("another one who asks: %+v, gone %v, %v", list, gone, err)
	}
	if _, err := c.Entry(ctx, want[1].ID); !errors.Is(err, status.ErrUnknown) {
		t.Errorf("what is gone: %v", err)
	}
}

// TestClientParts: files, peers, trackers, details, log and figures come over as they were.
func TestClientParts(t *testing.T) {
	engine := fakeengine.New(2)
	engine.Say("warn", "something \x1b[2J")
	engine.Say("info", "more")
	c := clientOf(t, engine)
	ctx, id := t.Context(), fakeengine.Torrent(1).ID
	same := func(what string, got, want any, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", what, err, got, want)
		}
	}
	files, err1 := c.Files(ctx, id)
	wantFiles, err2 := engine.Files(ctx, id)
	same("files", files, wantFiles, err1, err2)
	peers, err1 := c.Peers(ctx, id)
	wantPeers, err2 := engine.Peers(ctx, id)
	same("peers", peers, wantPeers, err1, err2)
	trackers, err1 := c.Trackers(ctx, id)
	wantTrackers, err2 := engine.Trackers(ctx, id)
	same("trackers", trackers, wantTrackers, err1, err2)
	details, err1 := c.Details(ctx, id)
	wantDetails, err2 := engine.Details(ctx, id)
	for i := range wantDetails.Availability { // the wire has none for pieces that are here
		if wantDetails.Have.Has(i) {
			wantDetails.Availability[i] = 0
		}
	}
	same("details", details, wantDetails, err1, err2)
	stats, err1 := c.Stats(ctx)
	wantStats, err2 := engine.Stats(ctx)
	wantStats.DownTotal, wantStats.UpTotal = 1<<20, 1<<19 // the sums of Totals stand for them
	same("stats", stats, wantStats, err1, err2)
	totals, err1 := c.Totals(ctx)
	wantTotals, err2 := engine.Totals(ctx)
	same("totals", totals, wantTotals, err1, err2)
	free, total, err := c.Space(ctx, "/data")
	same("space", [2]int64{free, total}, [2]int64{500 << 30, 1000 << 30}, err)
	rules, err := c.UpdateBlocklist(ctx)
	same("blocklist", rules, 393_006, err)
	log, err := c.Log(ctx, 1)
	if err != nil || len(log) != 1 || log[0].Serial != 2 || log[0].Text != "more" || log[0].Level != "info" || time.Since(log[0].Time) > time.Hour {
		t.Errorf("log %+v, %v", log, err)
	}
	unknown := metainfo.ID{V1: metainfo.Hash{1}}
	for what, ask := range map[string]func() error{
		"files":    func() error { _, err := c.Files(ctx, unknown); return err },
		"peers":    func() error { _, err := c.Peers(ctx, unknown); return err },
		"trackers": func() error { _, err := c.Trackers(ctx, unknown); return err },
		"details":  func() error { _, err := c.Details(ctx, unknown); return err },
		"start":    func() error { return c.Start(ctx, unknown, false) },
		"move":     func() error { return c.Move(ctx, unknown, "/data", true) },
		"restore":  func() error { return c.Restore(ctx, unknown) },
	} {
		if err := ask(); !errors.Is(err, status.ErrUnknown) {
			t.Errorf("%s of an unknown torrent: %v", what, err)
		}
	}
}

// TestClientVerbs: what is called arrives, in full.
func TestClientVerbs(t *testing.T) {
	engine := fakeengine.New(3)
	c := clientOf(t, engine)
	ctx, id, other := t.Context(), fakeengine.Torrent(1).ID, fakeengine.Torrent(2).ID
	for _, v := range []struct {
		want string
		call func() error
	}{
		{"start torrent 1", func() error { return c.Start(ctx, id, false) }},
		{"start now torrent 1", func() error { return c.Start(ctx, id, true) }},
		{"stop torrent 1", func() error { return c.Stop(ctx, id) }},
		{"verify torrent 1", func() error { return c.Verify(ctx, id) }},
		{"announce torrent 1", func() error { return c.Announce(ctx, id) }},
		{"move /else data=true torrent 1", func() error { return c.Move(ctx, id, "/else", true) }},
		{"move /there data=false torrent 1", func() error { return c.Move(ctx, id, "/there", false) }},
		{"rename torrent 1/a.iso to b.iso torrent 1", func() error { return c.Rename(ctx, id, "torrent 1/a.iso", "b.iso") }},
		{"queue 3 of 2", func() error { return c.Queue(ctx, []metainfo.ID{id, other}, status.QueueBottom) }},
		{"queue 1 of 1", func() error { return c.Queue(ctx, []metainfo.ID{id}, status.QueueUp) }},
		{"remove torrent 2 data=true undo=0s", func() error { return c.Remove(ctx, other, status.Removal{Data: true}) }},
		{"remove torrent 1 data=false undo=30s", func() error { return c.Remove(ctx, id, status.Removal{Undo: 30 * time.Second}) }},
		{"restore torrent 1", func() error { return c.Restore(ctx, id) }},
		{"shutdown", func() error { return c.Shutdown(ctx) }},
	} {
		before := len(engine.Calls())
		if err := v.call(); err != nil {
			t.Errorf("%s: %v", v.want, err)
		}
		if got := strings.Join(engine.Calls()[before:], "; "); got != v.want {
			t.Errorf("called %q, want %q", got, v.want)
		}
	}
}

// TestClientChange: every part of a change arrives, alone and with the others.
func TestClientChange(t *testing.T) {
	engine := fakeengine.New(1)
	c := clientOf(t, engine)
	ctx, id := t.Context(), fakeengine.Torrent(1).ID
	all := status.Change{Labels: &[]string{"x", "y"}, DownLimit: ref[int64](1001), UpLimit: ref[int64](0), Exempt: ref(true), MaxPeers: ref(9), Priority: ref[int8](-1),
		Sequential: ref(true), Ratio: &status.Goal[float64]{Mode: status.GoalOwn, Value: 2.5}, Idle: &status.Goal[time.Duration]{Mode: status.GoalOwn, Value: 95 * time.Second},
		SeedTime: &status.Goal[time.Duration]{Mode: status.GoalNone}, Trackers: &[][]string{{"http://a.example/announce", "http://b.example/announce"}, {"udp://c.example:1"}},
		Files: map[int]uint8{0: 3, 1: 0}, QueuePosition: ref(4), Group: ref("slow")}
	fields := reflect.ValueOf(all)
	for i := range fields.NumField() {
		one := status.Change{}
		reflect.ValueOf(&one).Elem().Field(i).Set(fields.Field(i))
		if err := c.Change(ctx, id, one); err != nil {
			t.Errorf("%s: %v", fields.Type().Field(i).Name, err)
		}
	}
	check := func() {
		t.Helper()
		got, _ := engine.Entry(ctx, id)
		want := fakeengine.Torrent(1)
		want.Labels, want.DownLimit, want.UpLimit, want.Exempt, want.MaxPeers, want.Priority, want.Sequential = *all.Labels, 1001, 0, true, 9, -1, true
		want.Ratio, want.Idle, want.SeedTime, want.Trackers, want.QueuePosition, want.Group = *all.Ratio, *all.Idle, *all.SeedTime, *all.Trackers, 4, "slow"
		sameEntry(t, got, want)
		files, _ := engine.Files(ctx, id)
		if files[0].Priority != 3 || files[1].Wanted {
			t.Errorf("files %+v", files)
		}
	}
	check()
	if err := c.Change(ctx, id, all); err != nil {
		t.Error(err)
	}
	check()
	if err := c.Change(ctx, id, status.Change{Labels: &[]string{}, Trackers: &[][]string{}, Files: map[int]uint8{1: 1}}); err != nil {
		t.Error(err)
	}
	if e, _ := engine.Entry(ctx, id); len(e.Labels)+len(e.Trackers) > 0 {
		t.Errorf("emptied: %v, %v", e.Labels, e.Trackers)
	}
	if err := c.Change(ctx, id, status.Change{Files: map[int]uint8{2: 1}}); !errors.Is(err, status.ErrNoFile) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func ref[T any](v T) *T { return &v }

// TestClientAdd: torrents of all kinds, with options, twice, and refused.
func TestClientAdd(t *testing.T) {
	engine := fakeengine.New(1)
	c := clientOf(t, engine)
	ctx := t.Context()
	file := torrentOf(t, t.TempDir(), "album", nil, 40_000, 5)
	e, added, err := c.Add(ctx, status.NewTorrent{Metainfo: file, Dir: "/data/music", Stopped: true, First: true, Change: status.Change{Labels: &[]string{"l"}, DownLimit: ref[int64](77)}})
	if err != nil || !added || e.Name != "album" || e.Dir != "/data/music" || !e.Stopped || e.DownLimit != 77 || !slices.Equal(e.Labels, []string{"l"}) {
		t.Errorf("%+v, %v, %v", e, added, err)
	}
	if again, added, err := c.Add(ctx, status.NewTorrent{Metainfo: file}); err != nil || added || again.ID != e.ID {
		t.Errorf("again: %v, %v, %v", again.ID, added, err)
	}
	for _, source := range []string{"magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567", "1123456789abcdef0123456789abcdef01234567", "http://192.0.2.1/x.torrent"} {
		if e, added, err := c.Add(ctx, status.NewTorrent{Source: source}); err != nil || !added || e.Phase != status.Metadata {
			t.Errorf("%s: %+v, %v, %v", source, e.State(), added, err)
		}
	}
	if _, _, err := c.Add(ctx, status.NewTorrent{Source: "/etc/passwd"}); err == nil {
		t.Error("a path was taken although none is allowed")
	}
	if _, _, err := c.Add(ctx, status.NewTorrent{Metainfo: []byte("no torrent")}); !errors.Is(err, metainfo.ErrInvalid) {
		t.Errorf("no torrent: %v", err)
	}
}

// TestClientSettings: all settings come over as they are, and go back so.
func TestClientSettings(t *testing.T) {
	engine := fakeengine.New(0)
	c := clientOf(t, engine)
	ctx := t.Context()
	same := func() {
		t.Helper()
		got, err := c.Settings(ctx)
		want, _ := engine.Settings(ctx)
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
	}
	same()
	s, _ := engine.Settings(ctx)
	s.Dir, s.IncompleteDir, s.AddStopped, s.DeleteAdded, s.Preallocate, s.Sequential = "/d", "/i", true, true, true, true
	s.DownLimit, s.UpLimit, s.AltDown, s.AltUp, s.AltOn, s.AltScheduled, s.DownEach, s.UpEach = 1001, 1002, 1003, 1004, true, true, 1005, 1006
	s.AltSchedule = []status.Window{{Days: 3, From: time.Hour, To: 2 * time.Hour}, {Days: 64, From: 61 * time.Second, To: 3 * time.Hour}}
	s.MaxPeers, s.MaxPeersEach, s.UploadSlots, s.QueueDownloads, s.QueueSeeds, s.StalledAfter = 1, 2, 3, 4, 5, 95*time.Second
	s.Ratio, s.Idle, s.SeedTime, s.Trackers = 1.5, 35*time.Second, time.Hour, [][]string{{"http://a.example/announce"}}
	s.BlocklistURL, s.BlocklistOn, s.Port, s.PortMapping, s.DHT, s.PEX, s.LSD, s.Encryption = "http://b.example/", true, 7000, true, false, false, false, "off"
	if err := c.Set(ctx, s); err != nil {
		t.Error(err)
	}
	if got, _ := engine.Settings(ctx); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", s) {
		t.Errorf("set\n     %+v\nwant %+v", got, s)
	}
	same()
	before := len(engine.Calls())
	if err := c.Set(ctx, s); err != nil || len(engine.Calls()) != before {
		t.Errorf("what does not differ: %v, %v", err, engine.Calls()[before:])
	}
	zero := status.Settings{Dir: "/d", Encryption: "require", Version: s.Version, ConfigDir: s.ConfigDir, Kind: s.Kind, HookDone: s.HookDone}
	if err := c.Set(ctx, zero); err != nil {
		t.Error(err)
	}
	same()
	if got, _ := engine.Settings(ctx); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", zero) {
		t.Errorf("set\n     %+v\nwant %+v", got, zero)
	}
}

// TestT04ClientReconnects: while the daemon is away calls say so; when it is back they work again, and the list is the new one.
func TestT04ClientReconnects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stop := serve(t, path, fakeengine.New(3), Options{Version: "1"})
	c, err := Dial("unix:"+path, Credentials{}, dialAny)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if list, _, err := c.Entries(ctx, time.Time{}); err != nil || len(list) != 3 {
		t.Fatalf("%d, %v", len(list), err)
	}
	mark := time.Now()
	stop()
	for range 2 {
		if _, _, err := c.Entries(ctx, mark); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), path) {
			t.Errorf("away: %v", err)
		}
		if err := c.Stop(ctx, fakeengine.Torrent(1).ID); !errors.Is(err, ErrUnreachable) {
			t.Errorf("away: %v", err)
		}
	}
	other := fakeengine.New(2)
	serve(t, path, other, Options{Version: "2"})
	list, gone, err := c.Entries(ctx, mark)
	if err != nil || !slices.Equal(gone, []int{3}) || len(list) != 0 { // the other two are as they were
		t.Errorf("back: %+v, gone %v, %v", list, gone, err)
	}
	if err := c.Stop(ctx, fakeengine.Torrent(1).ID); err != nil || len(other.Calls()) != 1 {
		t.Errorf("back: %v, %v", err, other.Calls())
	}
}

// TestClientPassword: the server's password is asked for over TCP, and told to the user as what it is.
func TestClientPassword(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- NewServer(fakeengine.New(1), Options{User: "me", Password: "secret"}).Serve(ctx, ln, Door{})
	}()
	defer func() { cancel(); <-ended }()
	for _, creds := range []Credentials{{"me", "secret"}, {}, {"me", "wrong"}} {
		c, err := Dial("http://"+ln.Addr().String(), creds, dialAny)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Stats(ctx)
		if right := creds.Password == "secret"; right != (err == nil) || !right && !errors.Is(err, ErrCredentials) {
			t.Errorf("%+v: %v", creds, err)
		}
		c.Close()
	}
}

// TestT04ClientWatch: the event stream tells of changes, and of the end of the daemon.
func TestT04ClientWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	engine := fakeengine.New(2)
	stop := serve(t, path, engine, Options{})
	c, err := Dial("unix:"+path, Credentials{}, dialAny)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	changed, ended := make(chan struct{}, 100), make(chan error, 1)
	go func() { ended <- c.Watch(t.Context(), func() { changed <- struct{}{} }) }()
	await := func() {
		t.Helper()
		select {
		case <-changed:
		case err := <-ended:
			t.Fatalf("the stream ended: %v", err)
		case <-time.After(20 * time.Second):
			t.Fatal("nothing came")
		}
	}
	await()
	// The server looks once a second; its first look tells nothing, so changes go on until one is told.
	until(t, "a change is told", func() bool {
		engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Name += "x" })
		return len(changed) > 0
	})
	await()
	stop()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("the stream ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the stream did not end")
	}
	if err := c.Watch(t.Context(), func() {}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("while the daemon is away: %v", err)
	}
}

// TestClientRates: a client has the history of rates that its engine has.
func TestClientRates(t *testing.T) {
	engine := fakeengine.New(1)
	c := clientOf(t, engine)
	for _, id := range []metainfo.ID{{}, fakeengine.Torrent(1).ID} {
		want, step, _ := engine.Rates(t.Context(), id)
		got, gotStep, err := c.Rates(t.Context(), id)
		if err != nil || gotStep != step || !slices.Equal(got, want) {
			t.Errorf("%v: %v a step, %v, %v", id, gotStep, got, err)
		}
	}
	if _, _, err := c.Rates(t.Context(), fakeengine.Torrent(2).ID); !errors.Is(err, status.ErrUnknown) {
		t.Errorf("no such torrent: %v", err)
	}
}
