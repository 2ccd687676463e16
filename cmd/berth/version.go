package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// VersionCmd is `berth version`.
type VersionCmd struct{}

// version is that of this program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return cmp.Or(info.Main.Version, "(devel)")
	}
	return "(devel)"
}

// Run prints what the Go tool wrote into the program.
func (*VersionCmd) Run(cli *CLI) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	v := struct {
		Version   string `json:"version"`
		Revision  string `json:"revision,omitempty"`
		Time      string `json:"time,omitempty"`
		Modified  bool   `json:"modified"`
		GoVersion string `json:"goVersion"`
		Platform  string `json:"platform"`
	}{version(), set["vcs.revision"], set["vcs.time"], set["vcs.modified"] == "true", runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if cli.Output == "json" {
		return printJSON(v)
	}
	_, err := fmt.Printf("berth %s (%s, %s)\n", v.Version, v.GoVersion, v.Platform)
	return err
}
