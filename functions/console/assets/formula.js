// Completes formulas while they are typed: fields behind `after.` and `before.`, what changes a value behind a bar, what asks
// about one behind `is`, and functions. The page has all of them, in the list of fields and in the reference; without this
// module they are read there. A combobox as the ARIA Authoring Practices have it ("Editable Combobox With List Autocomplete").

const MOST = 8;

const fields = [...document.querySelectorAll('#paths option')].map(({ value }) => ({ name: value, help: '' }));
const reference = [...document.querySelectorAll('[data-kind]')].map((entry) => ({
  kind: entry.dataset.kind,
  name: entry.dataset.name,
  // What takes arguments is written with its bracket.
  ending: entry.querySelector('code').textContent.includes(`${entry.dataset.name}(`) ? '(' : '',
  help: entry.querySelector('dd').textContent,
}));
const of = (kind) => reference.filter((entry) => entry.kind === kind);
const rows = ['after', 'before'].map((name) => ({ name, ending: '.', help: `The record ${name} the change.` }));

/** What can stand where each of these ends. */
const PLACES = [
  [/\b(?:after|before)\.([\w.]*)$/, fields],
  [/\|\s*(\w*)$/, of('filter')],
  [/\bis\s+(?:not\s+)?(\w*)$/, of('test')],
  [/(?:^|[^\w.'])(\w+)$/, [...rows, ...of('function')]],
];

/** What can be written on at the end of this text: how much of it is typed already, and the options. */
function possible(text) {
  const isWithinText = (text.split("'").length - 1) % 2 === 1;
  const place = !isWithinText && PLACES.find(([pattern]) => pattern.test(text));
  if (!place) return { typed: '', options: [] };
  const [, typed] = text.match(place[0]);
  const options = place[1].filter(({ name }) => name.startsWith(typed) && name !== typed);
  return { typed, options: options.slice(0, MOST) };
}

for (const [number, input] of document.querySelectorAll('input[name="formula"]').entries()) {
  const list = document.createElement('ul');
  Object.assign(list, { id: `options-${number}`, className: 'options', hidden: true, role: 'listbox', ariaLabel: 'What can be written here' });
  input.closest('p').after(list);
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': list.id, 'aria-expanded': 'false' })) {
    input.setAttribute(name, value);
  }
  let shown = { typed: '', options: [] };
  let active = -1;

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };

  const accept = ({ name, ending = '' }) => {
    const caret = input.selectionStart;
    input.setRangeText(name + ending, caret - shown.typed.length, caret, 'end');
    close();
    // What follows from typing follows from this, too.
    input.dispatchEvent(new Event('input', { bubbles: true }));
  };

  const show = () => {
    shown = possible(input.value.slice(0, input.selectionStart));
    if (shown.options.length === 0) return close();
    close();
    list.replaceChildren(
      ...shown.options.map((option, place) => {
        const item = document.createElement('li');
        Object.assign(item, { id: `${list.id}-${place}`, role: 'option', ariaSelected: 'false' });
        const name = document.createElement('code');
        name.textContent = option.name;
        item.append(name, ` ${option.help}`);
        // The field keeps the focus.
        item.addEventListener('mousedown', (event) => event.preventDefault());
        item.addEventListener('click', () => accept(option));
        return item;
      }),
    );
    list.hidden = false;
    input.setAttribute('aria-expanded', 'true');
  };

  const choose = (place) => {
    const count = list.children.length;
    active = (place + count) % count;
    for (const [each, item] of [...list.children].entries()) item.ariaSelected = String(each === active);
    input.setAttribute('aria-activedescendant', list.children[active].id);
    list.children[active].scrollIntoView({ block: 'nearest' });
  };

  input.addEventListener('input', show);
  input.addEventListener('blur', close);
  input.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    const does = {
      ArrowDown: () => choose(active + 1),
      ArrowUp: () => choose(active < 0 ? -1 : active - 1),
      Escape: close,
      ...(active >= 0 && { Enter: () => accept(shown.options[active]), Tab: () => accept(shown.options[active]) }),
    }[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  });
}
