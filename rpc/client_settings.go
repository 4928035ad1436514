package rpc

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"shoal/internal/text"
	"shoal/status"
)

// wireSession is what session-get tells in the old dialect. Names that a daemon does not know are missing.
type wireSession struct {
	Version    string  `json:"version"`
	RPCVersion wireInt `json:"rpc-version"`
	ConfigDir  string  `json:"config-dir"`
	Rules      wireInt `json:"blocklist-size"`

	Dir          string   `json:"download-dir"`
	Incomplete   string   `json:"incomplete-dir"`
	IncompleteOn wireBool `json:"incomplete-dir-enabled"`
	StartAdded   wireBool `json:"start-added-torrents"`
	TrashAdded   wireBool `json:"trash-original-torrent-files"`
	Sequential   wireBool `json:"sequential_download"`

	DownLimit      wireInt  `json:"speed-limit-down"`
	DownLimited    wireBool `json:"speed-limit-down-enabled"`
	UpLimit        wireInt  `json:"speed-limit-up"`
	UpLimited      wireBool `json:"speed-limit-up-enabled"`
	AltDown        wireInt  `json:"alt-speed-down"`
	AltUp          wireInt  `json:"alt-speed-up"`
	AltOn          wireBool `json:"alt-speed-enabled"`
	AltBegin       wireInt  `json:"alt-speed-time-begin"`
	AltEnd         wireInt  `json:"alt-speed-time-end"`
	AltDay         wireInt  `json:"alt-speed-time-day"`
	AltScheduled   wireBool `json:"alt-speed-time-enabled"`
	MaxPeers       wireInt  `json:"peer-limit-global"`
	MaxPeersEach   wireInt  `json:"peer-limit-per-torrent"`
	RatioLimit     float64  `json:"seedRatioLimit"`
	RatioLimited   wireBool `json:"seedRatioLimited"`
	IdleLimit      wireInt  `json:"idle-seeding-limit"`
	IdleLimited    wireBool `json:"idle-seeding-limit-enabled"`
	Downloads      wireInt  `json:"download-queue-size"`
	DownloadsOn    wireBool `json:"download-queue-enabled"`
	QueueSeeds     wireInt  `json:"seed-queue-size"`
	QueueSeedsOn   wireBool `json:"seed-queue-enabled"`
	Stalled        wireInt  `json:"queue-stalled-minutes"`
	StalledOn      wireBool `json:"queue-stalled-enabled"`
	Trackers       string   `json:"default-trackers"`
	BlocklistURL   string   `json:"blocklist-url"`
	BlocklistOn    wireBool `json:"blocklist-enabled"`
	Port           wireInt  `json:"peer-port"`
	PortMapping    wireBool `json:"port-forwarding-enabled"`
	DHT            wireBool `json:"dht-enabled"`
	PEX            wireBool `json:"pex-enabled"`
	LSD            wireBool `json:"lpd-enabled"`
	Encryption     string   `json:"encryption"`
	ScriptAdded    string   `json:"script-torrent-added-filename"`
	ScriptAddedOn  wireBool `json:"script-torrent-added-enabled"`
	ScriptDone     string   `json:"script-torrent-done-filename"`
	ScriptDoneOn   wireBool `json:"script-torrent-done-enabled"`
	ScriptSeeded   string   `json:"script-torrent-done-seeding-filename"`
	ScriptSeededOn wireBool `json:"script-torrent-done-seeding-enabled"`

	Kind string `json:"shoal_kind"`
	ours
}

// ours are the settings that only shoal has, or has to the byte and second.
type ours struct {
	ShoalVersion string       `json:"shoal_version"`
	Roots        []string     `json:"shoal_roots"`
	HookError    []string     `json:"shoal_hook_error"`
	HookAdded    []string     `json:"shoal_hook_added"`
	HookDone     []string     `json:"shoal_hook_done"`
	HookSeeded   []string     `json:"shoal_hook_seeded"`
	Preallocate  wireBool     `json:"shoal_preallocate"`
	ExactDown    wireInt      `json:"shoal_down_limit"`
	ExactUp      wireInt      `json:"shoal_up_limit"`
	ExactAltDown wireInt      `json:"shoal_alt_down"`
	ExactAltUp   wireInt      `json:"shoal_alt_up"`
	DownEach     wireInt      `json:"shoal_down_each"`
	UpEach       wireInt      `json:"shoal_up_each"`
	Slots        wireInt      `json:"shoal_upload_slots"`
	Downloading  wireInt      `json:"shoal_queue_downloads"`
	Seeding      wireInt      `json:"shoal_queue_seeds"`
	StalledAfter wireInt      `json:"shoal_stalled_after"`
	Idle         wireInt      `json:"shoal_idle_limit"`
	SeedTime     wireInt      `json:"shoal_seed_time_limit"`
	Ratio        float64      `json:"shoal_seed_ratio"`
	Schedule     []wireWindow `json:"shoal_alt_schedule"`
}

type wireWindow struct {
	Days wireInt `json:"days"`
	From wireInt `json:"from"`
	To   wireInt `json:"to"`
}

// session asks for the settings, and notes who answers.
func (c *Client) session(ctx context.Context) (*wireSession, daemon, error) {
	var w wireSession
	if err := c.ask(ctx, "session-get", nil, &w); err != nil {
		return nil, daemon{}, err
	}
	if w.RPCVersion <= 0 {
		return nil, daemon{}, fmt.Errorf("%s: session-get: %w: it tells no rpc-version", text.Clean(c.address, 0), ErrAnswer)
	}
	d := daemon{shoal: w.Kind == "shoal", kind: "Transmission", version: w.RPCVersion.int()}
	if d.shoal {
		d.kind = "shoal"
	}
	c.mu.Lock()
	c.who = &d
	c.mu.Unlock()
	return &w, d, nil
}

// Settings implements status.Engine.
func (c *Client) Settings(ctx context.Context) (status.Settings, error) {
	w, d, err := c.session(ctx)
	if err != nil {
		return status.Settings{}, err
	}
	return w.settings(d), nil
}

// orNone is n where on, else 0.
func orNone(n wireInt, on wireBool) int {
	if !on {
		return 0
	}
	return max(0, n.int())
}

// argvOf is a script as an argv.
func argvOf(name string, on wireBool) []string {
	if !on || name == "" {
		return nil
	}
	return []string{name}
}

func (w *wireSession) settings(d daemon) status.Settings {
	s := status.Settings{Dir: w.Dir, AddStopped: !bool(w.StartAdded), DeleteAdded: bool(w.TrashAdded), Sequential: bool(w.Sequential),
		DownLimit: w.DownLimit.rate(w.DownLimited), UpLimit: w.UpLimit.rate(w.UpLimited), AltDown: w.AltDown.rate(true), AltUp: w.AltUp.rate(true),
		AltOn: bool(w.AltOn), AltScheduled: bool(w.AltScheduled), MaxPeers: w.MaxPeers.int(), MaxPeersEach: w.MaxPeersEach.int(),
		QueueDownloads: orNone(w.Downloads, w.DownloadsOn), QueueSeeds: orNone(w.QueueSeeds, w.QueueSeedsOn),
		StalledAfter: wireInt(orNone(w.Stalled, w.StalledOn)).times(time.Minute), Idle: wireInt(orNone(w.IdleLimit, w.IdleLimited)).times(time.Minute),
		Trackers: parseTrackerList(w.Trackers), BlocklistURL: w.BlocklistURL, BlocklistOn: bool(w.BlocklistOn),
		Port: w.Port.int(), PortMapping: bool(w.PortMapping), DHT: bool(w.DHT), PEX: bool(w.PEX), LSD: bool(w.LSD),
		HookAdded: argvOf(w.ScriptAdded, w.ScriptAddedOn), HookDone: argvOf(w.ScriptDone, w.ScriptDoneOn), HookSeeded: argvOf(w.ScriptSeeded, w.ScriptSeededOn),
		AltSchedule: []status.Window{{Days: uint8(w.AltDay & 127), From: w.AltBegin.times(time.Minute), To: w.AltEnd.times(time.Minute)}},
		Rules:       w.Rules.int(), Version: w.Version, ConfigDir: w.ConfigDir, Kind: d.kind}
	if w.IncompleteOn {
		s.IncompleteDir = w.Incomplete
	}
	if w.RatioLimited {
		s.Ratio = w.RatioLimit
	}
	s.Encryption = map[string]string{"required": "require", "preferred": "prefer"}[w.Encryption]
	if s.Encryption == "" {
		s.Encryption = "off"
	}
	if d.shoal {
		w.ours.into(&s)
	}
	return s
}

func (o *ours) into(s *status.Settings) {
	s.Version, s.Roots = o.ShoalVersion, o.Roots
	s.HookError, s.HookAdded, s.HookDone, s.HookSeeded = o.HookError, o.HookAdded, o.HookDone, o.HookSeeded
	s.Preallocate = bool(o.Preallocate)
	s.DownLimit, s.UpLimit, s.AltDown, s.AltUp = int64(o.ExactDown), int64(o.ExactUp), int64(o.ExactAltDown), int64(o.ExactAltUp)
	s.DownEach, s.UpEach, s.UploadSlots = int64(o.DownEach), int64(o.UpEach), o.Slots.int()
	s.QueueDownloads, s.QueueSeeds, s.StalledAfter = o.Downloading.int(), o.Seeding.int(), o.StalledAfter.times(time.Second)
	s.Idle, s.SeedTime, s.Ratio = o.Idle.times(time.Second), o.SeedTime.times(time.Second), o.Ratio
	s.AltSchedule = nil
	for _, w := range o.Schedule {
		s.AltSchedule = append(s.AltSchedule, status.Window{Days: uint8(w.Days & 127), From: w.From.times(time.Second), To: w.To.times(time.Second)})
	}
}

// Set implements status.Engine. Only what differs from the settings of now is told to the daemon.
func (c *Client) Set(ctx context.Context, s status.Settings) error {
	w, d, err := c.session(ctx)
	if err != nil {
		return err
	}
	before := settingArgs(d, w.settings(d))
	args := map[string]any{}
	for name, v := range settingArgs(d, s) {
		if !reflect.DeepEqual(v, before[name]) {
			args[name] = v
		}
	}
	for _, lacking := range []string{"preallocating", "limits for each torrent", "upload slots", "a goal in time", "several windows in a schedule", "default trackers"} {
		if _, differs := args[lacking]; differs {
			return fmt.Errorf("%s: %w: %s has no such setting", lacking, status.ErrNotOffered, d.kind)
		}
	}
	if len(args) == 0 {
		return nil
	}
	return c.act(ctx, "session-set", args, nil)
}

// settingArgs are the arguments of session-set for all settings. What the daemon lacks goes by a name with blanks.
func settingArgs(d daemon, s status.Settings) map[string]any {
	enc := map[string]string{"require": "required", "prefer": "preferred"}[s.Encryption]
	if enc == "" {
		enc = "tolerated"
	}
	args := map[string]any{
		"download-dir": s.Dir, "incomplete-dir-enabled": s.IncompleteDir != "", "start-added-torrents": !s.AddStopped,
		"trash-original-torrent-files": s.DeleteAdded, "alt-speed-enabled": s.AltOn, "alt-speed-time-enabled": s.AltScheduled,
		"peer-limit-global": s.MaxPeers, "peer-limit-per-torrent": s.MaxPeersEach, "blocklist-url": s.BlocklistURL, "blocklist-enabled": s.BlocklistOn,
		"peer-port": s.Port, "port-forwarding-enabled": s.PortMapping, "dht-enabled": s.DHT, "pex-enabled": s.PEX, "lpd-enabled": s.LSD, "encryption": enc,
		"sequential_download": s.Sequential,
	}
	if s.IncompleteDir != "" {
		args["incomplete-dir"] = s.IncompleteDir
	}
	if d.shoal || d.version >= listVersion {
		args["default-trackers"] = trackerList(s.Trackers)
	} else {
		args["default trackers"] = s.Trackers
	}
	if d.shoal {
		oursInto(args, s)
		return args
	}
	for name, n := range map[string]int64{"speed-limit-down": s.DownLimit, "speed-limit-up": s.UpLimit} {
		args[name+"-enabled"] = n > 0
		if n > 0 {
			args[name] = (n + kilo - 1) / kilo
		}
	}
	args["alt-speed-down"], args["alt-speed-up"] = (s.AltDown+kilo-1)/kilo, (s.AltUp+kilo-1)/kilo
	for name, n := range map[string]int{"download-queue": s.QueueDownloads, "seed-queue": s.QueueSeeds} {
		args[name+"-enabled"] = n > 0
		if n > 0 {
			args[name+"-size"] = n
		}
	}
	minutesInto(args, "queue-stalled-minutes", "queue-stalled-enabled", s.StalledAfter)
	minutesInto(args, "idle-seeding-limit", "idle-seeding-limit-enabled", s.Idle)
	args["seedRatioLimited"] = s.Ratio > 0
	if s.Ratio > 0 {
		args["seedRatioLimit"] = s.Ratio
	}
	if len(s.AltSchedule) == 1 {
		w := s.AltSchedule[0]
		args["alt-speed-time-day"], args["alt-speed-time-begin"], args["alt-speed-time-end"] = w.Days, int(w.From/time.Minute), int(w.To/time.Minute)
	}
	args["several windows in a schedule"] = len(s.AltSchedule) > 1
	args["preallocating"], args["limits for each torrent"] = s.Preallocate, [2]int64{s.DownEach, s.UpEach}
	args["upload slots"], args["a goal in time"] = s.UploadSlots, s.SeedTime
	return args
}

func minutesInto(args map[string]any, name, enabled string, d time.Duration) {
	args[enabled] = d > 0
	if d > 0 {
		args[name] = int64((d + time.Minute - 1) / time.Minute)
	}
}

// oursInto adds what shoal has to the byte and second.
func oursInto(args map[string]any, s status.Settings) {
	windows := []map[string]int64{}
	for _, w := range s.AltSchedule {
		windows = append(windows, map[string]int64{"days": int64(w.Days), "from": int64(w.From / time.Second), "to": int64(w.To / time.Second)})
	}
	for name, v := range map[string]any{
		"shoal_preallocate": s.Preallocate, "shoal_down_limit": s.DownLimit, "shoal_up_limit": s.UpLimit, "shoal_alt_down": s.AltDown, "shoal_alt_up": s.AltUp,
		"shoal_down_each": s.DownEach, "shoal_up_each": s.UpEach, "shoal_upload_slots": s.UploadSlots, "shoal_queue_downloads": s.QueueDownloads,
		"shoal_queue_seeds": s.QueueSeeds, "shoal_stalled_after": s.StalledAfter.Seconds(), "shoal_idle_limit": s.Idle.Seconds(),
		"shoal_seed_time_limit": s.SeedTime.Seconds(), "shoal_seed_ratio": s.Ratio, "shoal_alt_schedule": windows,
	} {
		args[name] = v
	}
}
