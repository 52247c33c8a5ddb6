package machine

import "testing"

func TestJudge(t *testing.T) {
	t.Parallel()
	global := networkManager{state: 70, connectivity: 4, metered: 4, primary: "/wifi"}
	with := func(change func(*networkManager)) networkManager {
		nm := global
		change(&nm)
		return nm
	}
	for name, c := range map[string]struct {
		nm   networkManager
		nd   string
		want Network
	}{
		"nobody knows":               {networkManager{}, "", Network{Online: true}},
		"connected":                  {global, "", Network{Online: true, Link: "/wifi"}},
		"connecting":                 {networkManager{state: 40, primary: "/"}, "", Network{}},
		"disconnected":               {networkManager{state: 20, connectivity: 1, primary: "/"}, "", Network{}},
		"asleep":                     {networkManager{state: 10, primary: "/"}, "", Network{}},
		"local only":                 {with(func(nm *networkManager) { nm.state = 50 }), "", Network{Link: "/wifi"}},
		"site, limited":              {with(func(nm *networkManager) { nm.state, nm.connectivity = 60, 3 }), "", Network{Online: true, Link: "/wifi"}},
		"a captive portal":           {with(func(nm *networkManager) { nm.state, nm.connectivity = 60, 2 }), "routable", Network{Link: "/wifi"}},
		"not checked":                {with(func(nm *networkManager) { nm.connectivity = 0 }), "", Network{Online: true, Link: "/wifi"}},
		"metered":                    {with(func(nm *networkManager) { nm.metered = 1 }), "", Network{Online: true, Metered: true, Link: "/wifi"}},
		"metered, guessed":           {with(func(nm *networkManager) { nm.metered = 3 }), "", Network{Online: true, Metered: true, Link: "/wifi"}},
		"not metered":                {with(func(nm *networkManager) { nm.metered = 2 }), "", Network{Online: true, Link: "/wifi"}},
		"networkd alone":             {networkManager{}, "routable", Network{Online: true}},
		"networkd alone, no carrier": {networkManager{}, "no-carrier", Network{}},
		"networkd alone, link local": {networkManager{}, "degraded", Network{}},
		"another one's network":      {networkManager{state: 20, connectivity: 1, primary: "/"}, "routable", Network{Online: true}},
		"neither has one":            {networkManager{state: 20, primary: "/"}, "carrier", Network{}},
	} {
		if got := judge(c.nm, networkd{c.nd}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
