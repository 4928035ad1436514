package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/config"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/status"
)

// limitOptions are the flags of limit.
type limitOptions struct {
	remote
	down, up string
	session  string // true, false
	peers    string
	ratio    string
	idle     string
	seedTime string
	alt      string // true, false
}

func newLimit(con *console) *cobra.Command {
	o := limitOptions{remote: remote{con: con}}
	cmd := o.picking(&cobra.Command{
		Use:   "limit ID...",
		Short: "Limit the rates of torrents, or of all together",
		Long: `Limits rates and connections of torrents. A rate is bytes a second with a unit, like 2MB or 500KiB; 0 takes the limit away.
With --session and no ID, --down and --up are limits of all torrents together, and --alternative switches to the alternative ones
of the configuration and back, until their schedule changes that; with torrents --session says whether those of all count for them.

--ratio, --idle and --seed-time are goals that end the seeding of a torrent, whichever is reached first: a number, or a TIME like 30m or
7d, none for never, default for the daemon's.`,
		Example: `  shoal limit 3 --down 2MB --up 500kB
  shoal limit --session --down 10MB
  shoal limit 3 --session=false
  shoal limit all --down 0 --ratio 2 --seed-time 7d
  shoal limit --session --alternative`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	})
	f := cmd.Flags()
	f.StringVar(&o.down, "down", "", "download at most at this `RATE`")
	f.StringVar(&o.up, "up", "", "upload at most at this `RATE`")
	f.StringVar(&o.session, "session", "", "limit all torrents together, or with torrents `true|false`: whether that counts for them")
	f.Lookup("session").NoOptDefVal = "true"
	f.StringVar(&o.peers, "peers", "", "connect to `N` peers at most, 0 for the default")
	f.StringVar(&o.ratio, "ratio", "", "stop seeding at this `RATIO`, none or default")
	f.StringVar(&o.idle, "idle", "", "stop seeding when nobody took anything for this `TIME`, none or default")
	f.StringVar(&o.seedTime, "seed-time", "", "stop seeding after this `TIME`, none or default")
	f.StringVar(&o.alt, "alternative", "", "with --session: the alternative limits count, `true|false`")
	f.Lookup("alternative").NoOptDefVal = "true"
	return cmd
}

func (o *limitOptions) run(cmd *cobra.Command, args []string) error {
	var ch status.Change
	var err error
	if ch.DownLimit, err = rateFlag("--down", o.down); err != nil {
		return err
	}
	if ch.UpLimit, err = rateFlag("--up", o.up); err != nil {
		return err
	}
	if o.peers != "" {
		n, err := strconv.Atoi(o.peers)
		if err != nil || n < 0 {
			return withCode(exitUsage, fmt.Errorf("--peers %q: write a whole number", o.peers))
		}
		ch.MaxPeers = &n
	}
	if err := o.goals(&ch); err != nil {
		return err
	}
	counts, err := boolFlag("--session", o.session)
	if err != nil {
		return err
	}
	alt, err := boolFlag("--alternative", o.alt)
	switch {
	case err != nil:
		return err
	case counts != nil && len(args) == 0 && !cmd.Flags().Changed("filter"):
		return o.together(cmd.Context(), ch, alt)
	case alt != nil:
		return withCode(exitUsage, errors.New("--alternative is for all torrents together: it goes with --session and without torrents"))
	case counts != nil:
		exempt := !*counts
		ch.Exempt = &exempt
	case ch.DownLimit == nil && ch.UpLimit == nil && ch.MaxPeers == nil && ch.Ratio == nil && ch.Idle == nil && ch.SeedTime == nil:
		return withCode(exitUsage, errors.New("nothing to change: give --down, --up, --peers, --ratio, --idle, --seed-time or --session"))
	}
	return o.each(cmd.Context(), args, "limited", func(ctx context.Context, c *rpc.Client, e *status.Entry) error { return c.Change(ctx, e.ID, ch) })
}

// goals reads the flags about the end of seeding.
func (o *limitOptions) goals(ch *status.Change) (err error) {
	ch.Ratio, err = goalFlag("--ratio", o.ratio, "a number like 2 or 1.5", func(s string) (float64, error) {
		f, err := strconv.ParseFloat(s, 64)
		if !(f >= 0 && f <= 1e6) {
			return 0, strconv.ErrRange
		}
		return f, err
	})
	if err != nil {
		return err
	}
	lasting := func(s string) (time.Duration, error) {
		n, err := config.ParseDuration(s)
		if n <= 0 || n > int64(maxGoal) {
			return 0, strconv.ErrRange
		}
		return time.Duration(n), err
	}
	if ch.Idle, err = goalFlag("--idle", o.idle, "a time like 30m or 7d", lasting); err != nil {
		return err
	}
	ch.SeedTime, err = goalFlag("--seed-time", o.seedTime, "a time like 30m or 7d", lasting)
	return err
}

// maxGoal is the longest time that a torrent may seed for, as in the configuration.
const maxGoal = 36500 * 24 * time.Hour

// together sets the limits of all torrents together.
func (o *limitOptions) together(ctx context.Context, ch status.Change, alt *bool) error {
	if ch.DownLimit == nil && ch.UpLimit == nil && alt == nil || ch.MaxPeers != nil || ch.Ratio != nil || ch.Idle != nil || ch.SeedTime != nil {
		return withCode(exitUsage, errors.New("--session without torrents takes --down, --up and --alternative"))
	}
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		s, err := c.Settings(ctx)
		if err != nil {
			return err
		}
		if ch.DownLimit != nil {
			s.DownLimit = *ch.DownLimit
		}
		if ch.UpLimit != nil {
			s.UpLimit = *ch.UpLimit
		}
		if alt != nil {
			s.AltOn = *alt
		}
		if err := c.Set(ctx, s); err != nil {
			return err
		}
		now := ""
		if s.AltOn {
			now = fmt.Sprintf("; the alternative ones count now: down %s, up %s", limitWord(s.AltDown), limitWord(s.AltUp))
		}
		o.con.Result("all torrents together: down %s, up %s%s", limitWord(s.DownLimit), limitWord(s.UpLimit), now)
		o.con.Event(limitsEvent{newEvent("limits"), s.DownLimit, s.UpLimit, s.AltOn, s.AltDown, s.AltUp})
		return nil
	})
}

// limitsEvent is the JSON line about the limits of all torrents together, in bytes a second, 0 for none.
type limitsEvent struct {
	event
	Down        int64 `json:"down"`
	Up          int64 `json:"up"`
	Alternative bool  `json:"alternative"` // the next two count instead
	AltDown     int64 `json:"alt_down"`
	AltUp       int64 `json:"alt_up"`
}

func limitWord(n int64) string {
	if n == 0 {
		return "unlimited"
	}
	return text.Rate(n)
}

// rateFlag reads a rate, nil for a flag that was not given.
func rateFlag(flag, s string) (*int64, error) {
	if s == "" {
		return nil, nil
	}
	n, err := text.ParseRate(s)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("%s: %w", flag, err))
	}
	return &n, nil
}

// boolFlag reads true or false, nil for a flag that was not given.
func boolFlag(flag, s string) (*bool, error) {
	if s == "" {
		return nil, nil
	}
	yes, err := strconv.ParseBool(s)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("%s %q: write true or false", flag, text.Clean(s, 40)))
	}
	return &yes, nil
}

// goalFlag reads a goal of seeding, nil for a flag that was not given. Wanted says what it is besides none and default.
func goalFlag[T any](flag, s, wanted string, parse func(string) (T, error)) (*status.Goal[T], error) {
	switch s {
	case "":
		return nil, nil
	case "none":
		return &status.Goal[T]{Mode: status.GoalNone}, nil
	case "default":
		return &status.Goal[T]{}, nil
	}
	v, err := parse(s)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("%s %q: write %s, none or default", flag, text.Clean(s, 40), wanted))
	}
	return &status.Goal[T]{Mode: status.GoalOwn, Value: v}, nil
}
