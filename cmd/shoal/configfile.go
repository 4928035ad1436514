package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"shoal/internal/config"
)

// configured is the annotation of a command that heeds the configuration file without having any of its flags.
const configured = "configured"

// readsConfig is the annotation of a command that reads it itself: mistakes are among what it tells.
const readsConfig = "reads the configuration"

// configPath is where the configuration file is: what --config says, else in what systemd gives, in the XDG folder, or in its usual
// place. named reports whether somebody chose just this file.
func (c *console) configPath() (path string, named bool, err error) {
	const base = "config.toml"
	if c.configFile != "" {
		return c.configFile, true, nil
	}
	if d, ok := lookupEnv("CONFIGURATION_DIRECTORY"); ok {
		return filepath.Join(filepath.SplitList(d)[0], base), false, nil
	}
	if d, ok := lookupEnv("XDG_CONFIG_HOME"); ok && filepath.IsAbs(d) {
		return filepath.Join(d, "shoal", base), false, nil
	}
	if runtime.GOOS == "windows" {
		if d, ok := lookupEnv("APPDATA"); ok {
			return filepath.Join(d, "shoal", base), false, nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", false, fmt.Errorf("no folder for the configuration: set XDG_CONFIG_HOME, or name a file with --config: %w", err)
	}
	return filepath.Join(home, ".config", "shoal", base), false, nil
}

// readConfig reads the configuration anew: flags that were typed, the environment, the file, the defaults. A daemon calls it when it is told to
// read its file again.
func (c *console) readConfig() (*config.Config, []config.Warning, error) {
	path, named, err := c.configPath()
	if err != nil {
		path = "" // without a home there is no usual place
	}
	cfg, warnings, err := config.Load(path, c.profile, lookupEnv)
	if errors.Is(err, fs.ErrNotExist) && !named {
		cfg, warnings, err = config.Load("", c.profile, lookupEnv)
	}
	if err != nil {
		return nil, warnings, withCode(exitUsage, err)
	}
	for flag, value := range c.typed {
		_ = cfg.Override(config.ForFlag(flag).Name, value, flag) // what does not fit is refused by the command, in its own words
	}
	return cfg, warnings, nil
}

// ownMeaning is the annotation of a flag that is called like a key of the configuration and means something else: neither the file nor the
// environment has a say in it.
const ownMeaning = "own meaning"

// keyOf returns the key of the configuration that a flag stands for, nil for none.
func keyOf(f *pflag.Flag) *config.Key {
	if f.Annotations[ownMeaning] != nil {
		return nil
	}
	return config.ForFlag(f.Name)
}

// heedsConfig reports whether the configuration file matters to a command. It does not to those that neither talk to peers nor
// steer who does: a mistake in it does not stop them.
func heedsConfig(cmd *cobra.Command) bool {
	if _, itself := cmd.Annotations[readsConfig]; itself {
		return false
	}
	_, heeds := cmd.Annotations[configured]
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { heeds = heeds || keyOf(f) != nil })
	return heeds
}

// typed returns the flags of the command line that are keys of the configuration, with their values.
func typed(flags *pflag.FlagSet) map[string]string {
	list := map[string]string{}
	flags.Visit(func(f *pflag.Flag) {
		if keyOf(f) == nil {
			return
		}
		list[f.Name] = f.Value.String()
		if s, ok := f.Value.(pflag.SliceValue); ok {
			list[f.Name] = strings.Join(s.GetSlice(), ",")
		}
		if r, ok := f.Value.(*rate); ok {
			list[f.Name] = fmt.Sprint(int64(*r))
		}
	})
	return list
}

// configure reads the configuration for a command and gives its flags, where neither the command line nor the environment
// did, what the file says. Each mistake is told on a line of its own.
func (c *console) configure(cmd *cobra.Command) error {
	cfg, warnings, err := c.readConfig()
	for _, w := range warnings {
		c.Warn("warning: %v", w)
	}
	if list, ok := errors.AsType[config.Errors](err); ok && len(list) > 1 {
		for _, p := range list {
			c.Error("", withCode(exitUsage, p))
		}
		return withCode(exitUsage, reported{err})
	}
	if err != nil {
		return err
	}
	c.cfg = cfg
	flags := cmd.Flags()
	for i := range config.Keys {
		k := &config.Keys[i]
		f := flags.Lookup(k.Flag)
		if f == nil || keyOf(f) == nil || f.Changed || !cfg.Given(k.Name) {
			continue
		}
		if err := flags.Set(f.Name, cfg.Value(k)); err != nil {
			return withCode(exitUsage, fmt.Errorf("%s: %s: %w", cfg.Origin(k.Name), k.Name, plainFlagError(err)))
		}
		f.Changed = false // a port of the file may be that of a daemon that runs: it is as good as the default one
	}
	if !flags.Changed("verbose") {
		c.logLevel = cfg.Log.Level
	}
	return nil
}
