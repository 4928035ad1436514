package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/config"
	"shoal/internal/text"
	"shoal/session"
)

// Times of `shoal doctor`. All of it happens side by side.
const (
	doctorNetwork = 7 * time.Second // for the router and the DHT to answer
	doctorFolder  = 5 * time.Second // for a folder
	doctorWithin  = 10 * time.Second
)

// doctorOptions are the flags of doctor.
type doctorOptions struct {
	listen    string
	exact     bool
	bootstrap []string
	noDHT     bool
	noPortMap bool
	tracker   string
	offline   bool
	download  string
	state     string
	own       bool // the folder for downloads is that of a daemon that is told of no other, and is made
	named     bool // the folder for downloads is that of a flag
}

func newDoctor(con *console) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps shoal from working well",
		Long: `Looks at the port for peers and who has it, at the router, the DHT, the clock,
the limit of open files, and at space, rights and file system of the folders,
and says what is wrong and what to do about it. That takes ten seconds at most; what is written to a folder to try it
out is removed again. Where a daemon runs it is asked instead of the network.

The exit code is 1 when something does not work; warnings and notes do not count.`,
		Example: `  shoal doctor
  shoal doctor --offline --download-dir /srv/downloads
  shoal doctor --tracker https://tracker.example/announce
  shoal doctor --json | jq -r 'select(.level == "problem") | .says'`,
		Args:        cobra.NoArgs,
		Annotations: map[string]string{readsConfig: ""},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.exact = cmd.Flags().Changed("listen")
			if _, _, err := net.SplitHostPort(o.listen); err != nil {
				return withCode(exitUsage, fmt.Errorf("--listen %q: write HOST:PORT or :PORT", o.listen))
			}
			if o.tracker != "" && !isURL(o.tracker) {
				return withCode(exitUsage, fmt.Errorf("--tracker %q: name an http or https URL; others do not tell the time", o.tracker))
			}
			if err := hostPorts("--bootstrap", o.bootstrap); err != nil {
				return err
			}
			return doctor(cmd.Context(), con, &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", session.DefaultListen, "the `HOST:PORT` for peers")
	f.StringSliceVar(&o.bootstrap, "bootstrap", nil, "enter the DHT through this node, `HOST:PORT`, and not through public ones; repeatable")
	f.BoolVar(&o.noDHT, "no-dht", false, "leave the DHT out")
	f.BoolVar(&o.noPortMap, "no-portmap", false, "leave the router out")
	f.StringVar(&o.tracker, "tracker", "", "see whether the tracker at this `URL` answers, and compare its clock with ours")
	f.BoolVar(&o.offline, "offline", false, "leave out everything that needs a network")
	f.StringVar(&o.download, "download-dir", "", "the `DIR` for downloads")
	f.StringVar(&o.state, "state-dir", "", "the `DIR` of records")
	_ = cmd.MarkFlagDirname("download-dir")
	_ = cmd.MarkFlagDirname("state-dir")
	return cmd
}

// findingEvent is the JSON line of one finding.
type findingEvent struct {
	event
	Check  string `json:"check"`
	Level  string `json:"level"` // ok, note, warning or problem
	Says   string `json:"says"`
	Advice string `json:"advice,omitempty"`
}

// examinedEvent is the JSON line at the end: how many findings of each kind there were.
type examinedEvent struct {
	event
	Problems int     `json:"problems"`
	Warnings int     `json:"warnings"`
	Notes    int     `json:"notes"`
	Seconds  float64 `json:"seconds"`
}

// doctor is the whole command.
func doctor(ctx context.Context, con *console, o *doctorOptions) error {
	began := time.Now()
	first := o.configure(con)
	ctx, cancel := context.WithTimeout(ctx, doctorWithin)
	defer cancel()
	all := append(first, examine(ctx, con, o)...)
	if errors.Is(ctx.Err(), context.Canceled) {
		return withCode(exitUnfinished, errors.New("interrupted"))
	}
	var count [problem + 1]int
	for _, f := range all {
		count[f.level]++
		f.says, f.advice = text.Clean(f.says, 0), text.Clean(f.advice, 0)
		con.Result("%-8s %-8s %s", f.level, f.check, f.says)
		if f.advice != "" {
			con.Result("%-17s -> %s", "", f.advice)
		}
		con.Event(findingEvent{newEvent("finding"), f.check, f.level.String(), f.says, f.advice})
	}
	con.Event(examinedEvent{newEvent("done"), count[problem], count[warning], count[note], time.Since(began).Seconds()})
	if n := count[problem]; n > 0 {
		return reported{withCode(exitFailure, errors.New(text.Count(n, "problem")))}
	}
	return nil
}

// examine looks at everything at the same time and returns the findings, in the order of a table.
func examine(ctx context.Context, con *console, o *doctorOptions) []diagnosis {
	var mu sync.Mutex
	var all []diagnosis
	var wait sync.WaitGroup
	look := func(f func() []diagnosis) {
		wait.Go(func() {
			found := f()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, found...)
		})
	}
	look(func() []diagnosis { return []diagnosis{judgeHandles(handleLimit())} })
	look(func() []diagnosis { return probeClock(ctx, o).judge() })
	look(func() []diagnosis {
		d, st := probeDaemon(ctx, con, o)
		for _, f := range o.folders(&d) {
			look(func() []diagnosis { return withPatience(f).judge() })
		}
		all := []diagnosis{d.judge()}
		switch {
		case o.offline:
		case st != nil:
			all = append(all, portFacts{asked: o.listen, addrs: st.Listen, daemon: true}.judge())
			there := *o
			there.noDHT, there.noPortMap = d.noDHT, d.noPortMap
			all = append(all, judgeStats(*st, &there, 0)...)
		default:
			all = append(all, probeNetwork(ctx, con, o)...)
		}
		return all
	})
	wait.Wait()
	order := []string{"daemon", "config", "port", "reach", "dht", "tracker", "clock", "handles", "download", "state"}
	slices.SortStableFunc(all, func(a, b diagnosis) int {
		return cmp.Compare(slices.Index(order, a.check), slices.Index(order, b.check))
	})
	return all
}

// folders are the folders to look at: those that are named, else those of the daemon that answers.
func (o *doctorOptions) folders(d *daemonFacts) []folderFacts {
	download := folderFacts{check: "download", path: o.download, need: roomForData, made: o.own}
	if d.download != "" && !o.named {
		download.path, download.made = d.download, true
	}
	state := folderFacts{check: "state", path: d.state, need: roomForState, made: true}
	if d.state == "" || o.state != "" {
		state.path, state.err = o.statePath()
	}
	return []folderFacts{download, state}
}

// statePath is the state folder.
func (o *doctorOptions) statePath() (string, error) {
	if o.state != "" {
		return o.state, nil
	}
	return stateDir()
}

// configure reads the configuration and takes from it what no flag says. Mistakes are findings; then the defaults hold.
func (o *doctorOptions) configure(con *console) (all []diagnosis) {
	cfg, warnings, err := con.readConfig()
	for _, w := range warnings {
		all = append(all, diagnosis{"config", warning, w.Error(), "shoal config check"})
	}
	if list, several := errors.AsType[config.Errors](err); several {
		for _, p := range list {
			all = append(all, diagnosis{"config", problem, p.Error(), "correct it; shoal config check tells whether that is all"})
		}
	} else if err != nil {
		all = append(all, diagnosis{"config", problem, err.Error(), "make it readable, or name another one with --config"})
	}
	if err != nil {
		o.named, o.download = o.download != "", cmp.Or(o.download, ".")
		return all
	}
	if len(all) == 0 {
		says := "there is no configuration file: the defaults hold"
		if cfg.Path != "" {
			says = cfg.Path + " has no errors"
		}
		all = append(all, diagnosis{check: "config", says: says})
	}
	o.listen, o.exact = cfg.Network.Listen, cfg.Given("network.listen")
	o.bootstrap, o.noDHT, o.noPortMap = cfg.Network.Bootstrap, !cfg.Network.DHT, !cfg.Network.PortMapping
	if o.named = o.download != ""; !o.named {
		o.download, o.own = cmp.Or(cfg.Download.Dir, "."), !cfg.Given("download.dir")
	}
	return all
}

// withPatience looks at a folder, but not for longer than doctorFolder: one on a server that went away never answers, and
// what waits for it is left behind.
func withPatience(d folderFacts) folderFacts {
	if d.err != nil {
		return d
	}
	done := make(chan folderFacts, 1)
	go func() { done <- lookAtFolder(d) }()
	select {
	case d = <-done:
	case <-time.After(doctorFolder):
		d.err = errHangs
	}
	return d
}

// ourVersion is the version of this program.
func ourVersion() string {
	v, _ := versionOf(debug.ReadBuildInfo())
	return v
}
