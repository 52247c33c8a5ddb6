package remote

import (
	"context"
	"strings"
)

// Setting is a line of ~/.ssh/config.
type Setting struct{ Keyword, Value string }

// Route returns the settings by which another name would lead to the same login on
// the same server as an ssh alias; those that say which key to use are not among
// them.
func Route(ctx context.Context, alias string) ([]Setting, error) {
	o, err := resolveOptions(ctx, alias)
	if err != nil {
		return nil, err
	}
	var route []Setting
	for _, s := range []struct{ keyword, usual string }{
		{"HostName", ""},
		{"User", ""},
		{"Port", "22"},
		{"HostKeyAlias", ""},
		{"ProxyJump", ""},
		{"ProxyCommand", ""},
		{"AddressFamily", "any"},
		{"BindAddress", ""},
		{"ConnectTimeout", ""},
	} {
		if v := o.get(strings.ToLower(s.keyword)); v != "" && v != s.usual {
			route = append(route, Setting{s.keyword, v})
		}
	}
	for _, s := range []struct{ keyword, usual string }{
		{"UserKnownHostsFile", "/known_hosts2"}, {"GlobalKnownHostsFile", "/ssh_known_hosts2"},
	} {
		values := o[strings.ToLower(s.keyword)]
		if v := strings.Join(values, " "); v != "" && !strings.HasSuffix(v, s.usual) {
			route = append(route, Setting{s.keyword, v})
		}
	}
	return route, nil
}
