// SPDX-License-Identifier: BSD-2-Clause
// Zoom and search of a flame graph: everything that is drawn is in the SVG already, this only moves it.
'use strict';
(function () {
	const svg = document.documentElement;
	const byId = (id) => document.getElementById(id);
	const MARGIN = 10, WIDTH = svg.viewBox.baseVal.width - 2 * MARGIN, CHARACTER = 7.2, LEAST = 0.2;
	const details = byId('details'), matched = byId('matched');
	const reset = byId('reset'), search = byId('search');

	// A frame as it was drawn: start and width in parts of the whole, and its row.
	const frames = Array.from(document.querySelectorAll('#frames > .f'), (g) => {
		const rect = g.querySelector('rect'), title = g.querySelector('title').textContent;
		return {
			g, rect, title, text: g.querySelector('text'),
			name: title.slice(0, title.lastIndexOf(': ')),
			x: (parseFloat(rect.getAttribute('x')) - MARGIN) / WIDTH,
			width: parseFloat(rect.getAttribute('width')) / WIDTH,
			row: parseFloat(rect.getAttribute('y')),
		};
	});
	const ofElement = new Map(frames.map((frame) => [frame.g, frame]));
	let zoomed = frames[0], term = '';

	function fit(frame, width) {
		const columns = Math.floor((width - 6) / CHARACTER);
		const name = Array.from(frame.name);

		if (columns < 3)
			return '';
		return name.length <= columns ? frame.name : name.slice(0, columns - 1).join('') + '…';
	}

	function place(frame, x, width) {
		frame.g.style.display = width < LEAST ? 'none' : '';
		if (width < LEAST)
			return;
		frame.rect.setAttribute('x', x);
		frame.rect.setAttribute('width', width);
		frame.text.setAttribute('x', x + 3);
		frame.text.textContent = fit(frame, width);
	}

	// The frame fills the width; its callers stay above it, faded; what is beside it goes.
	function zoom(target) {
		const end = target.x + target.width, slack = 1e-4;

		zoomed = target;
		for (const frame of frames) {
			const above = frame.row < target.row && frame.x <= target.x + slack &&
				      frame.x + frame.width >= end - slack;
			const inside = frame.row >= target.row && frame.x >= target.x - slack &&
				       frame.x + frame.width <= end + slack;

			frame.g.classList.toggle('above', above);
			if (above)
				place(frame, MARGIN, WIDTH);
			else if (inside)
				place(frame, MARGIN + (frame.x - target.x) / target.width * WIDTH,
				      frame.width / target.width * WIDTH);
			else
				frame.g.style.display = 'none';
		}
		reset.setAttribute('visibility', target === frames[0] ? 'hidden' : 'visible');
		count();
	}

	function matcher(text) {
		try {
			const pattern = new RegExp(text, 'i');
			return (name) => pattern.test(name);
		} catch (error) {
			return (name) => name.toLowerCase().includes(text.toLowerCase());
		}
	}

	// Time in matching frames, each instant once: below a match, further ones add nothing.
	function count() {
		const found = frames.filter((f) => f.g.classList.contains('found') &&
						   f.g.style.display !== 'none' &&
						   !f.g.classList.contains('above'));
		let sum = 0, covered = -1;

		found.sort((a, b) => a.x - b.x || b.width - a.width);
		for (const f of found) {
			if (f.x + f.width <= covered + 1e-6)
				continue;
			sum += f.width;
			covered = f.x + f.width;
		}
		matched.textContent = term && zoomed ?
			'/' + term + '/: ' + (100 * sum / zoomed.width).toFixed(1) + ' %' : ' ';
	}

	function mark(text) {
		const matches = matcher(text);

		term = text;
		for (const frame of frames)
			frame.g.classList.toggle('found', text !== '' && matches(frame.name));
		search.textContent = text ? 'clear search' : 'search (Ctrl-F)';
		count();
	}

	function ask() {
		const text = term ? '' : window.prompt('Functions to mark (a regular expression):', '');

		if (text !== null)
			mark(text);
	}

	function frameAt(event) {
		return ofElement.get(event.target.closest('.f'));
	}

	if (frames.length === 0)
		return;
	svg.addEventListener('click', (event) => {
		const frame = frameAt(event);

		if (frame)
			zoom(frame);
	});
	svg.addEventListener('mouseover', (event) => {
		const frame = frameAt(event);

		details.textContent = frame ? frame.title : ' ';
	});
	reset.addEventListener('click', () => zoom(frames[0]));
	search.addEventListener('click', ask);
	window.addEventListener('keydown', (event) => {
		if ((event.ctrlKey && event.key === 'f') || event.key === 'F3') {
			event.preventDefault();
			ask();
		} else if (event.key === 'Escape') {
			zoom(frames[0]);
			mark('');
		}
	});
})();
