package main

import (
	"context"
	"errors"

	"shoal/internal/config"
)

// hungUp has the configuration read again, once for all that came meanwhile.
func (d *daemon) hungUp() {
	select {
	case d.again <- struct{}{}:
	default:
	}
}

// reloads waits for that.
func (d *daemon) reloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.again:
			d.reload()
		}
	}
}

// reload reads the configuration again. One with errors changes nothing. It is called by reloads.
func (d *daemon) reload() {
	d.tell(d.manager.reloading())
	defer func() { d.tell(d.manager.ready()) }()
	cfg, warnings, err := d.con.readConfig()
	if err == nil {
		err = cfg.Absolute()
	}
	if err == nil {
		err = d.lib.Reload(d.settings(cfg))
	}
	if err != nil {
		d.notReloaded(err)
		return
	}
	for _, w := range warnings {
		d.log.Warn("configuration", "warning", w)
	}
	now, later := differences(d.cfg, cfg)
	d.cfg = cfg
	d.log.Info("the configuration was reloaded", "changed", now)
	if len(later) > 0 {
		d.log.Warn("these changes wait for the next start", "keys", later)
	}
}

// notReloaded tells why, a line for each mistake.
func (d *daemon) notReloaded(err error) {
	const says = "the configuration was not reloaded: what was in force stays"
	list, ok := errors.AsType[config.Errors](err)
	if !ok {
		d.log.Error(says, "err", err)
	}
	for _, p := range list {
		d.log.Error(says, "err", p)
	}
}

// differences lists the keys that differ: those that are in force now, and those that only the next start heeds.
func differences(old, fresh *config.Config) (now, later []string) {
	for i := range config.Keys {
		k := &config.Keys[i]
		switch {
		case old.Value(k) == fresh.Value(k):
		case k.Live:
			now = append(now, k.Name)
		default:
			later = append(later, k.Name)
		}
	}
	return now, later
}
