// SPDX-License-Identifier: Apache-2.0
// The default trio of image.variants, as one writes it with sharp.
// usage: media_image_sharp.js sequential|parallel INPUT OUTPUT_DIRECTORY
const sharp = require('sharp');
const [, , mode, input, output] = process.argv;
const variants = [
	['thumb', (image) => image.resize(200, 200, { fit: 'cover', withoutEnlargement: true }).webp({ quality: 80 })],
	['w800', (image) => image.resize(800, null, { withoutEnlargement: true }).webp({ quality: 80 })],
	['w1920', (image) => image.resize(1920, null, { withoutEnlargement: true }).webp({ quality: 85 })],
];
const make = ([name, shape]) => shape(sharp(input).rotate()).toFile(`${output}/${name}.webp`);
(async () => {
	if (mode === 'parallel') {
		await Promise.all(variants.map(make));
		return;
	}
	for (const variant of variants)
		await make(variant);
})();
