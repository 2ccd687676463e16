package main

import "fmt"

// smallLayers are those of a small image, as that of a static program or of a chart is: a configuration of a few hundred bytes and two layers.
var smallLayers = [...]int{smallSize, 16 << 10}

// smallImage makes one.
func (c *corpus) smallImage() image {
	n := c.count.Add(1)
	i := image{tag: fmt.Sprintf("s%d", n)}
	for _, size := range smallLayers {
		i.layers = append(i.layers, c.blob(size))
	}
	i.config = text(fmt.Appendf(nil, `{"architecture":"amd64","os":"linux","config":{"Labels":{"run":"%x","n":"%d"}},"rootfs":{"type":"layers","diff_ids":[%q,%q]}}`,
		c.nonce, n, i.layers[0].digest, i.layers[1].digest))
	i.manifest = manifest(i.config, i.layers, "")
	return i
}

// smallPush is what a pipeline of small images asks for: each is asked for, uploaded and tagged, and durable when the answer comes.
func smallPush() scenario {
	return scenario{
		name: "push-small-image", title: "push a small image (config, layers of 1 and 16 KiB, manifest), 8 clients", unit: "images", targets: pushers,
		round: pushRound(8, func(b *bench, p *pusher) error { return p.small(small, b.corpus.smallImage()) }),
		goals: []goal{{figure: rateFigure, against: durablePeer, atLeast: 3}},
	}
}

// small pushes an image as clients do with small layers: HEAD, POST, PUT for each, then the manifest.
func (p *pusher) small(repository string, i image) error {
	for _, l := range append(i.layers, i.config) {
		if _, err := p.do("HEAD", p.t.base+repository+"/blobs/"+l.digest, "", 404); err != nil {
			return err
		}
		if err := p.monolithic(repository, l); err != nil {
			return err
		}
	}
	return p.manifest(repository, i.tag, i.manifest)
}
