// @ts-check
// German: all other texts, by the English text. docs/embed.md says how to contribute a language.

/** @type {import('../../common/words.js').Words} */
export default {
  unknown: 'unbekannt',
  '{s} s': '{s} s',
  '{min} min {s} s': '{min} min {s} s',
  '{min} min': '{min} min',
  '{h} h {min} min': '{h} h {min} min',
  'more than a week': 'mehr als eine Woche',
  '{n} days': { one: '{n} Tag', other: '{n} Tage' },
  '{n} %': '{n} %',
  Download: 'Herunterladen',
  'Download {name}': '{name} herunterladen',
  'Progress of {name}': 'Fortschritt von {name}',
  Open: 'Öffnen',
  'Open {name}': '{name} öffnen',
  Save: 'Speichern',
  'Save {name}': '{name} speichern',
  '{percent} downloaded earlier': '{percent} schon früher heruntergeladen',
  Complete: 'Vollständig',
  'Not chosen': 'Nicht ausgewählt',
  'Scan this with a phone, or send the link. It works while this page, or the page of another person who has the files, is open.':
    'Den Code mit einem Handy scannen oder den Link senden. Er funktioniert, solange diese Seite oder die einer anderen Person, die die Dateien hat, geöffnet ist.',
  'Link to this share': 'Link zu dieser Freigabe',
  'Copy link': 'Link kopieren',
  'Share…': 'Teilen …',
  'QR code of the link': 'QR-Code des Links',
  'This link works on this machine only': 'Dieser Link funktioniert nur auf diesem Gerät',
  'Link for other machines': 'Link für andere Geräte',
  Copy: 'Kopieren',
  'Copy {name}': '{name} kopieren',
  'Link copied': 'Link kopiert',
  'The browser does not allow copying. The link is selected: copy it with the keyboard':
    'Der Browser erlaubt das Kopieren nicht. Der Link ist markiert und lässt sich mit der Tastatur kopieren',
  'The system’s share sheet did not open; copy the link instead':
    'Das Teilen-Menü des Systems hat sich nicht geöffnet; stattdessen den Link kopieren',
  Down: 'Empfangen',
  Up: 'Senden',
  'Time left': 'Restzeit',
  Sent: 'Gesendet',
  Connected: 'Verbunden',
  'Progress of all files': 'Fortschritt aller Dateien',
  '{done} of {size}': '{done} von {size}',
  '{n} peers': { one: '{n} Browser', other: '{n} Browser' },
  'This password does not fit. Check it, or ask the sender.':
    'Dieses Passwort passt nicht. Bitte prüfen oder beim Absender nachfragen.',
  Password: 'Passwort',
  'Nobody has opened the link yet.': 'Noch hat niemand den Link geöffnet.',
  'Not connected to any peer yet.': 'Noch mit keinem anderen Browser verbunden.',
  'Receiver {n}': 'Empfänger {n}',
  'Peer {n}': 'Browser {n}',
  'Progress of receiver {n}': 'Fortschritt von Empfänger {n}',
  'Progress of peer {n}': 'Fortschritt von Browser {n}',
  'has everything': 'hat alles',
  'has {percent}': 'hat {percent}',
  'The page has no service worker here, as in some private windows, so it shows the file only when it is complete.':
    'Die Seite hat hier keinen Service Worker, wie in manchen privaten Fenstern. Deshalb zeigt sie die Datei erst, wenn sie vollständig ist.',
  'The page has no service worker here, as in some private windows, so it shows no file of this size. Save it to open it.':
    'Die Seite hat hier keinen Service Worker, wie in manchen privaten Fenstern. Deshalb zeigt sie keine Datei dieser Größe. Zum Öffnen bitte speichern.',
  'Preview of {name}': 'Vorschau von {name}',
  Close: 'Schließen',
  'Close preview': 'Vorschau schließen',
  'The file could not be read.': 'Die Datei konnte nicht gelesen werden.',
  'This browser cannot show the file: its format is not supported or the file is damaged. Save it to open it with another program.':
    'Dieser Browser kann die Datei nicht anzeigen: Das Format wird nicht unterstützt, oder die Datei ist beschädigt. Zum Öffnen mit einem anderen Programm bitte speichern.',
  'Text of the file': 'Text der Datei',
  'Copy the text': 'Text kopieren',
  'The first {part} of {size}.': 'Die ersten {part} von {size}.',
  'The text could not be read.': 'Der Text konnte nicht gelesen werden.',
  'Text copied': 'Text kopiert',
  'The browser does not allow copying. The text is selected: copy it with the keyboard':
    'Der Browser erlaubt das Kopieren nicht. Der Text ist markiert und lässt sich mit der Tastatur kopieren',
  'This browser does not show PDF files. Save it to open it with another program.':
    'Dieser Browser zeigt keine PDF-Dateien an. Zum Öffnen mit einem anderen Programm bitte speichern.',
  Files: 'Dateien',
  Connections: 'Verbindungen',
  Cancel: 'Abbrechen',
  'Looking for the files…': 'Dateien werden gesucht …',
  'A password is needed': 'Ein Passwort ist nötig',
  'Names and sizes come from the sender.': 'Namen und Größen kommen vom Absender.',
  'The sender set a password for these files.': 'Der Absender hat für diese Dateien ein Passwort festgelegt.',
  'Checking the data of an earlier download…': 'Daten eines früheren Downloads werden geprüft …',
  'Only accept files from people you trust.': 'Dateien nur von vertrauenswürdigen Personen annehmen.',
  'Continue download': 'Download fortsetzen',
  Link: 'Link',
  Receivers: 'Empfänger',
  'Preparing {name}': '{name} wird vorbereitet',
  'Sharing {name}': '{name} wird geteilt',
  'Stop sharing': 'Teilen beenden',
  'Reading and encrypting the files, so that receivers can check every piece. Nothing is sent yet.':
    'Die Dateien werden gelesen und verschlüsselt, damit Empfänger jedes Stück prüfen können. Noch wird nichts gesendet.',
  'Reading the files, so that receivers can check every piece. Nothing is sent yet.':
    'Die Dateien werden gelesen, damit Empfänger jedes Stück prüfen können. Noch wird nichts gesendet.',
  'Keep this page open.': 'Diese Seite geöffnet lassen.',
  Never: 'Nie',
  'Show the password': 'Passwort anzeigen',
  'Receivers then need the link and the password. Send it another way than the link. It cannot be recovered.':
    'Empfänger brauchen dann den Link und das Passwort. Das Passwort auf einem anderen Weg senden als den Link. Es lässt sich nicht wiederherstellen.',
  'The share expires': 'Die Freigabe läuft ab',
  'Make a new link, so that earlier links to these files stop working':
    'Neuen Link erstellen, sodass frühere Links zu diesen Dateien nicht mehr funktionieren',
  'Closed.': 'Geschlossen.',
  'Stopped.': 'Beendet.',
  'No limit': 'Unbegrenzt',
  'Send at most': 'Höchstens senden',
  'Another network often helps, for example a phone’s.': 'Oft hilft ein anderes Netz, zum Beispiel das eines Handys.',
  'a relay helps networks without UDP if it is reached over TCP or TLS (--ice-turn, docs/connect.md).':
    'Ein Relay hilft Netzen ohne UDP, wenn es über TCP oder TLS erreichbar ist (--ice-turn, docs/connect.md).',
  'switch on the relay of the tracker with --ice-turn, or ice.turn = true in its configuration.':
    'Das Relay des Trackers mit --ice-turn einschalten, oder mit ice.turn = true in seiner Konfiguration.',
  'the dashboard shows why the relay refuses browsers; docs/connect.md lists the ports to open.':
    'Das Dashboard zeigt, warum das Relay Browser abweist; docs/connect.md nennt die Ports, die offen sein müssen.',
  'Only browsers in the same network connect here': 'Hier verbinden sich nur Browser im selben Netz',
  'A peer was found, but it cannot be reached. Without a STUN server this browser connects only within its own network.':
    'Ein anderer Browser wurde gefunden, ist aber nicht erreichbar. Ohne STUN-Server verbindet sich dieser Browser nur innerhalb seines eigenen Netzes.',
  'check ice.stun, and behind a proxy set ice.public_address (docs/connect.md). Pages on localhost get no STUN server.':
    'ice.stun prüfen und hinter einem Proxy ice.public_address setzen (docs/connect.md). Seiten auf localhost bekommen keinen STUN-Server.',
  'Your network blocks the connection': 'Das eigene Netz blockiert die Verbindung',
  'Your network lets no UDP out: this browser reaches no STUN or TURN server.':
    'Das eigene Netz lässt kein UDP hinaus: Dieser Browser erreicht keinen STUN- oder TURN-Server.',
  'The other network blocks the connection': 'Das andere Netz blockiert die Verbindung',
  'The network of the other browser seems to let no UDP out: it has no public address.':
    'Das Netz des anderen Browsers lässt anscheinend kein UDP hinaus: Er hat keine öffentliche Adresse.',
  'Neither browser reaches the STUN server': 'Keiner der beiden Browser erreicht den STUN-Server',
  'Both networks let no UDP out, or the server does not answer.':
    'Beide Netze lassen kein UDP hinaus, oder der Server antwortet nicht.',
  'let UDP through the firewall to the port of the STUN server (docs/connect.md).':
    'UDP in der Firewall zum Port des STUN-Servers durchlassen (docs/connect.md).',
  'The two networks need a relay': 'Die beiden Netze brauchen ein Relay',
  'At least one of the two networks blocks direct connections or uses a new port for each destination (symmetric NAT).':
    'Mindestens eines der beiden Netze blockiert direkte Verbindungen oder verwendet für jedes Ziel einen neuen Port (symmetrisches NAT).',
  'Your network needs a relay': 'Das eigene Netz braucht ein Relay',
  'Your network uses a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.':
    'Das eigene Netz verwendet für jedes Ziel einen neuen Port (symmetrisches NAT), deshalb erreichen sich die Browser nicht direkt.',
  'The other network needs a relay': 'Das andere Netz braucht ein Relay',
  'The network of the other browser uses a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.':
    'Das Netz des anderen Browsers verwendet für jedes Ziel einen neuen Port (symmetrisches NAT), deshalb erreichen sich die Browser nicht direkt.',
  'Both networks need a relay': 'Beide Netze brauchen ein Relay',
  'Both networks use a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.':
    'Beide Netze verwenden für jedes Ziel einen neuen Port (symmetrisches NAT), deshalb erreichen sich die Browser nicht direkt.',
  'This browser does not get the relay': 'Dieser Browser bekommt das Relay nicht',
  'The relay refused this browser, or your network blocks it.':
    'Das Relay hat diesen Browser abgewiesen, oder das eigene Netz blockiert es.',
  'The other browser does not get the relay': 'Der andere Browser bekommt das Relay nicht',
  'The relay refused the other browser, or the network there blocks it.':
    'Das Relay hat den anderen Browser abgewiesen, oder das Netz dort blockiert es.',
  'The relay does not connect the browsers': 'Das Relay verbindet die Browser nicht',
  'Both browsers have a place on a relay, but no data gets through. It may be at its limits.':
    'Beide Browser haben einen Platz auf einem Relay, aber es kommen keine Daten durch. Vielleicht ist es ausgelastet.',
  'the dashboard shows what the relay drops; docs/limits.md lists its limits.':
    'Das Dashboard zeigt, was das Relay verwirft; docs/limits.md nennt seine Grenzen.',
  'The page tries again automatically.': 'Die Seite versucht es von selbst noch einmal.',
  'For the operator of the tracker: {help}': 'Für den Betrieb des Trackers: {help}',
  'same network': 'selbes Netz',
  direct: 'direkt',
  'through the tracker’s relay': 'über das Relay des Trackers',
  'through a relay': 'über ein Relay',
  'being checked': 'wird geprüft',
  'Tell me when done': 'Benachrichtigen, wenn fertig',
  'You get a notification of your system, if this page stays open.':
    'Das System benachrichtigt am Ende, solange diese Seite geöffnet bleibt.',
  'This browser blocks notifications of this page. To allow them, open the settings of the page beside its address, and press the button again.':
    'Dieser Browser blockiert Benachrichtigungen dieser Seite. Um sie zu erlauben, die Einstellungen der Seite neben ihrer Adresse öffnen und die Schaltfläche noch einmal drücken.',
  'The browser has no permission yet. Press the button again, and allow it.':
    'Der Browser hat noch keine Erlaubnis. Die Schaltfläche noch einmal drücken und es erlauben.',
  'The browser does not show notifications of this page.': 'Der Browser zeigt keine Benachrichtigungen dieser Seite.',
  'A receiver has everything': 'Ein Empfänger hat alles',
  'The download is complete': 'Der Download ist fertig',
  'After an hour': 'Nach einer Stunde',
  'After a day': 'Nach einem Tag',
  'After a week': 'Nach einer Woche',
  'Not end-to-end encrypted: connections are encrypted, but everyone who knows the info-hash can get the files and their names.':
    'Nicht Ende-zu-Ende-verschlüsselt: Die Verbindungen sind verschlüsselt, aber alle, die den Info-Hash kennen, können die Dateien und ihre Namen bekommen.',
  'End-to-end encrypted. Without the link and the password, neither the tracker nor other browsers can read the files, their names or their exact number.':
    'Ende-zu-Ende-verschlüsselt. Ohne den Link und das Passwort können weder der Tracker noch andere Browser die Dateien, ihre Namen oder ihre genaue Zahl lesen.',
  'End-to-end encrypted. Without the link, neither the tracker nor other browsers can read the files, their names or their exact number.':
    'Ende-zu-Ende-verschlüsselt. Ohne den Link können weder der Tracker noch andere Browser die Dateien, ihre Namen oder ihre genaue Zahl lesen.',
  'They can see the addresses of the browsers, the approximate size, the times, and that something is shared.':
    'Sichtbar sind die Adressen der Browser, die ungefähre Größe, die Zeiten, und dass etwas geteilt wird.',
  'Whoever can change the scripts of this page can read everything: also the operators of the servers that they come from.':
    'Wer die Skripte dieser Seite ändern kann, kann alles lesen: auch, wer die Server betreibt, von denen sie kommen.',
  'Whoever has the link and the password can open the files, so send them apart, and only to people you trust.':
    'Wer den Link und das Passwort hat, kann die Dateien öffnen. Deshalb beides getrennt senden, und nur an vertrauenswürdige Personen.',
  'Whoever has the link can open the files, so send it only to people you trust.':
    'Wer den Link hat, kann die Dateien öffnen. Deshalb nur an vertrauenswürdige Personen senden.',
  'Expires in {time}.': 'Noch {time} gültig.',
  'This link is incomplete': 'Dieser Link ist unvollständig',
  'The files are encrypted, and the link has no key: the part after the dot is missing. Copy the whole link, or ask for it again.':
    'Die Dateien sind verschlüsselt, und der Link hat keinen Schlüssel: Der Teil nach dem Punkt fehlt. Den ganzen Link kopieren oder noch einmal darum bitten.',
  'The key does not fit': 'Der Schlüssel passt nicht',
  'The key in this link is not the key of these files, so a part of the link was changed. Copy the whole link again, or ask the sender for it.':
    'Der Schlüssel in diesem Link ist nicht der dieser Dateien, also wurde ein Teil des Links verändert. Den ganzen Link noch einmal kopieren oder den Absender darum bitten.',
  'This page is too old for the share': 'Diese Seite ist zu alt für die Freigabe',
  'A newer version of this page made it. Reload the page; if that does not help, its operator must update it.':
    'Eine neuere Version dieser Seite hat sie erstellt. Die Seite neu laden; wenn das nicht hilft, muss sie aktualisiert werden.',
  'The list of files is not valid': 'Die Dateiliste ist ungültig',
  'The list that the sender made contradicts itself. Nothing was opened. Ask the sender to share the files again, with this page.':
    'Die Liste des Absenders widerspricht sich. Nichts wurde geöffnet. Den Absender bitten, die Dateien noch einmal mit dieser Seite zu teilen.',
  'The encrypted data is not valid': 'Die verschlüsselten Daten sind ungültig',
  'A part cannot be decrypted, although it arrived as it was sent: the sender’s page encrypted it wrongly. No other peer has a better copy. Ask the sender to share the files again.':
    'Ein Teil lässt sich nicht entschlüsseln, obwohl er so ankam, wie er gesendet wurde: Die Seite des Absenders hat ihn falsch verschlüsselt. Kein anderer Browser hat eine bessere Kopie. Den Absender bitten, die Dateien noch einmal zu teilen.',
  'This share has expired': 'Diese Freigabe ist abgelaufen',
  'Its sender set a time, which has passed. To continue, the files must be shared again, with a new link.':
    'Der Absender hat eine Frist gesetzt, die vorbei ist. Um fortzufahren, müssen die Dateien noch einmal geteilt werden, mit einem neuen Link.',
  'These are too many files': 'Das sind zu viele Dateien',
  'A share has at most 200,000 files, and their names and sizes take at most 10 MB. Share fewer files at once, or put them into an archive first.':
    'Eine Freigabe hat höchstens 200.000 Dateien, deren Namen und Größen höchstens 10 MB brauchen. Weniger Dateien auf einmal teilen oder sie vorher in ein Archiv packen.',
  'As shared': 'Wie geteilt',
  'By name': 'Nach Namen',
  'Biggest first': 'Größte zuerst',
  'Find files': 'Dateien suchen',
  Order: 'Reihenfolge',
  '{n} files': { one: '{n} Datei', other: '{n} Dateien' },
  'No file found.': 'Keine Datei gefunden.',
  '{found} of {n} files.': { one: '{found} von {n} Datei.', other: '{found} von {n} Dateien.' },
  'and {n} more files.': { one: 'und {n} weitere Datei.', other: 'und {n} weitere Dateien.' },
  'Add words to find fewer.': 'Mit mehr Wörtern werden es weniger.',
  'and {n} more files, which are shared with them.': {
    one: 'und {n} weitere Datei, die ebenfalls geteilt wird.',
    other: 'und {n} weitere Dateien, die ebenfalls geteilt werden.'
  },
  'and {n} more files, which come with them.': {
    one: 'und {n} weitere Datei, die auch dabei ist.',
    other: 'und {n} weitere Dateien, die auch dabei sind.'
  },
  'Search to see them.': 'Die Suche zeigt sie.',
  'A transfer is running.': 'Eine Übertragung läuft.',
  'Nothing has been saved yet.': 'Noch wurde nichts gespeichert.',
  'Not everything has been saved yet.': 'Noch wurde nicht alles gespeichert.',
  'The link works only while this page shares the files.':
    'Der Link funktioniert nur, solange diese Seite die Dateien teilt.',
  'Stop it?': 'Beenden?',
  'Close and discard it?': 'Schließen und verwerfen?',
  'Stop sharing?': 'Teilen beenden?',
  'Leave this for the other address?': 'Stattdessen die andere Adresse öffnen?',
  'At most {n} files here': { one: 'Hier höchstens {n} Datei', other: 'Hier höchstens {n} Dateien' },
  'You chose {n} files.': { one: '{n} Datei ist ausgewählt.', other: '{n} Dateien sind ausgewählt.' },
  'Together with what is shared there would be {n} files.': {
    one: 'Zusammen mit dem, was schon geteilt wird, wäre es {n} Datei.',
    other: 'Zusammen mit dem, was schon geteilt wird, wären es {n} Dateien.'
  },
  'Choose fewer files.': 'Bitte weniger Dateien auswählen.',
  '“{name}” is not one of the types that this page takes: {types}.':
    '„{name}“ hat keinen der Typen, die diese Seite annimmt: {types}.',
  'This type of file is not accepted': 'Dieser Dateityp wird nicht angenommen',
  '“{name}” has {size}. This page takes files of at most {limit}.':
    '„{name}“ ist {size} groß. Diese Seite nimmt Dateien bis {limit} an.',
  'A file is too big': 'Eine Datei ist zu groß',
  'Together they have {size}. This page takes at most {limit} at once.':
    'Sie sind zusammen {size} groß. Diese Seite nimmt höchstens {limit} auf einmal an.',
  'These files are too big together': 'Diese Dateien sind zusammen zu groß',
  '{percent} downloaded.': '{percent} heruntergeladen.',
  '{n} receivers connected.': { one: '{n} Empfänger verbunden.', other: '{n} Empfänger verbunden.' },
  'No receiver connected.': 'Kein Empfänger verbunden.',
  'Preparing {name}.': '{name} wird vorbereitet.',
  'Ready. You can send the link.': 'Bereit. Der Link kann gesendet werden.',
  'Looking for a peer that has this.': 'Ein Browser, der die Dateien hat, wird gesucht.',
  'A password is needed.': 'Ein Passwort ist nötig.',
  'Found {name}: {files}. Start the download when you are ready.':
    '{name} gefunden: {files}. Der Download kann beginnen.',
  'Download started.': 'Download begonnen.',
  'Download complete.': 'Download vollständig.',
  download: 'Download',
  'Password needed': 'Passwort nötig',
  'Looking…': 'Suche läuft …',
  unnamed: 'unbenannt',
  '“{host}” means a different machine for everyone else.': '„{host}“ ist für alle anderen ein anderes Gerät.',
  'In the same network, use the link below. If the browser there warns about the certificate, continue: in a home network the certificate is self-signed.':
    'Im selben Netz den Link unten verwenden. Wenn der Browser dort vor dem Zertifikat warnt, trotzdem fortfahren: In einem Heimnetz ist das Zertifikat selbst signiert.',
  'Scan this with a phone in the same network. It opens {host}.':
    'Den Code mit einem Handy im selben Netz scannen. Er öffnet {host}.',
  'Other machines need an https address: start the server with --tls-self-signed or with a certificate, and let it listen on an address that they can reach.':
    'Andere Geräte brauchen eine https-Adresse: den Server mit --tls-self-signed oder mit einem Zertifikat starten, auf einer Adresse, die sie erreichen.',
  'Other machines need an https address of this page that they can reach.':
    'Andere Geräte brauchen eine https-Adresse dieser Seite, die sie erreichen.',
  'The browser is saving it.': 'Der Browser speichert gerade.',
  'It is saved.': 'Gespeichert.',
  '{files}: complete, and checked piece by piece.': '{files}: vollständig und Stück für Stück geprüft.',
  'While this page is open, it sends them to other receivers.':
    'Solange diese Seite geöffnet ist, sendet sie alles auch an andere Empfänger.',
  'Save all': 'Alle speichern',
  'Save again': 'Noch einmal speichern',
  Text: 'Text',
  'It is shared as a file, text.txt. Receivers can read and copy it in their page.':
    'Er wird als Datei text.txt geteilt. Empfänger können ihn auf ihrer Seite lesen und kopieren.',
  'Share the text': 'Text teilen',
  'Link, magnet link or info-hash': 'Link, Magnet-Link oder Info-Hash',
  'This is no link to a share. It should have 40 letters and digits, in a link behind the “#”. Copy the whole link, or ask for it again.':
    'Das ist kein Link zu einer Freigabe. Er sollte 40 Buchstaben und Ziffern haben, im Link hinter dem „#“. Den ganzen Link kopieren oder noch einmal darum bitten.',
  'Another app or a web page has sent this. Nothing is shared before you say so. Set a password or an expiry under “Options” before, if you need one.':
    'Eine andere App oder eine Webseite hat das geschickt. Ohne Zustimmung wird nichts geteilt. Bei Bedarf vorher unter „Optionen“ ein Passwort oder einen Ablauf festlegen.',
  'Share these {n} files?': { one: 'Diese Datei teilen?', other: 'Diese {n} Dateien teilen?' },
  Share: 'Teilen',
  'Nothing was pasted': 'Nichts wurde eingefügt',
  'This page shares or receives already. End that first to share what you copied.':
    'Diese Seite teilt oder empfängt schon etwas. Zuerst das beenden, um das Kopierte zu teilen.',
  'This window keeps files in memory, as private windows do.':
    'Dieses Fenster hält Dateien im Arbeitsspeicher, wie private Fenster es tun.',
  'This page keeps files in memory, because its content security policy forbids the storage worker.':
    'Diese Seite hält Dateien im Arbeitsspeicher, weil ihre Content Security Policy den Worker für den Speicher verbietet.',
  'Open the link in a normal window, which keeps them on the disk.':
    'Den Link in einem normalen Fenster öffnen, das sie auf dem Datenträger ablegt.',
  'The operator of this page can allow that worker (worker-src), which keeps them on the disk.':
    'Wer diese Seite betreibt, kann diesen Worker erlauben (worker-src), der sie auf dem Datenträger ablegt.',
  'Try again': 'Noch einmal versuchen',
  'This window cannot hold more': 'Dieses Fenster kann nicht mehr aufnehmen',
  'The browser gives it no more.': 'Mehr gibt der Browser nicht her.',
  'Or choose fewer files.': 'Oder weniger Dateien auswählen.',
  'The storage is full': 'Der Speicher ist voll',
  'The browser may not store more for this page. Free some disk space, or choose fewer files, and try again. In a private window, open the link in a normal one: it may store more.':
    'Der Browser darf für diese Seite nicht mehr speichern. Speicherplatz freigeben oder weniger Dateien auswählen und es noch einmal versuchen. In einem privaten Fenster: den Link in einem normalen öffnen, das mehr speichern darf.',
  'The browser gives it {space}; the files take {size}.':
    'Der Browser stellt {space} bereit; die Dateien brauchen {size}.',
  'This window cannot hold these files': 'Dieses Fenster kann diese Dateien nicht aufnehmen',
  'This may be too big for the memory': 'Das ist vielleicht zu groß für den Arbeitsspeicher',
  'So {size} must fit there.': 'Deshalb müssen {size} dort Platz haben.',
  'There may not be enough space': 'Vielleicht reicht der Platz nicht',
  'The files take {size}, and the browser has {space} left for this page. Free some disk space or choose fewer files. In a private window, open the link in a normal one: it may store more.':
    'Die Dateien brauchen {size}, und der Browser hat noch {space} für diese Seite. Speicherplatz freigeben oder weniger Dateien auswählen. In einem privaten Fenster: den Link in einem normalen öffnen, das mehr speichern darf.',
  'Connected to {n}: {parts}.': 'Mit {n} verbunden: {parts}.',
  '{n} in the same network': '{n} im selben Netz',
  '{n} directly': '{n} direkt',
  '{n} through the tracker’s relay': '{n} über das Relay des Trackers',
  '{n} through a relay': '{n} über ein Relay',
  '{n} still being checked': '{n} noch in Prüfung',
  'This page needs a secure address': 'Diese Seite braucht eine sichere Adresse',
  'It was opened over plain http ({address}). Browsers then switch off the parts that check and save files. Open it through https, or, on the machine that runs its server, as http://localhost. The operator of the server can give it a certificate; swarmhub adds an https address with --tls-self-signed.':
    'Sie wurde über unverschlüsseltes http geöffnet ({address}). Browser schalten dann die Teile ab, die Dateien prüfen und speichern. Die Seite über https öffnen, oder auf dem Gerät, auf dem ihr Server läuft, als http://localhost. Wer den Server betreibt, kann ihm ein Zertifikat geben; swarmhub bekommt mit --tls-self-signed eine https-Adresse.',
  'This browser cannot connect to other browsers': 'Dieser Browser kann sich nicht mit anderen Browsern verbinden',
  'WebRTC is missing or switched off (some privacy settings and add-ons do that). Switch it on for this page, or use a current Firefox, Chrome, Edge or Safari.':
    'WebRTC fehlt oder ist abgeschaltet (manche Einstellungen und Erweiterungen für den Datenschutz tun das). Es für diese Seite einschalten, oder einen aktuellen Firefox, Chrome, Edge oder Safari verwenden.',
  'A file can no longer be read': 'Eine Datei lässt sich nicht mehr lesen',
  'It was changed, moved or deleted after you chose it. Choose the files again to share them as they are now.':
    'Sie wurde nach dem Auswählen geändert, verschoben oder gelöscht. Die Dateien noch einmal auswählen, um sie im jetzigen Zustand zu teilen.',
  'Nothing to share': 'Nichts zu teilen',
  'What you chose holds no data: only empty files or folders.':
    'Die Auswahl enthält keine Daten: nur leere Dateien oder Ordner.',
  'A part of this page could not be loaded': 'Ein Teil dieser Seite konnte nicht geladen werden',
  'The server it comes from does not answer. Try again in a moment, or reload the page.':
    'Der Server, von dem er kommt, antwortet nicht. Gleich noch einmal versuchen oder die Seite neu laden.',
  'The transfer has ended': 'Die Übertragung ist beendet',
  'Something went wrong: {message}': 'Etwas ist schiefgegangen: {message}',
  'Saving failed': 'Das Speichern ist fehlgeschlagen',
  'The browser says: “{message}”. The downloaded files are still here: save them again, or in another place.':
    'Der Browser sagt: „{message}“. Die heruntergeladenen Dateien sind noch da: noch einmal speichern, oder an einem anderen Ort.',
  'After the “#” it should have 40 letters and digits, and for encrypted files a dot and a key of 22 characters. Copy the whole link, or ask for it again.':
    'Nach dem „#“ sollte er 40 Buchstaben und Ziffern haben, und bei verschlüsselten Dateien einen Punkt und einen Schlüssel von 22 Zeichen. Den ganzen Link kopieren oder noch einmal darum bitten.',
  'This page names no tracker': 'Diese Seite nennt keinen Tracker',
  'Its script does not come from a tracker, so the element needs the attribute “tracker” with the address of one.':
    'Ihr Skript kommt nicht von einem Tracker, deshalb braucht das Element das Attribut „tracker“ mit der Adresse eines Trackers.',
  'This element is in use': 'Dieses Element wird gerade benutzt',
  'It shares or receives already. End that first, or use a second element.':
    'Es teilt oder empfängt schon etwas. Zuerst das beenden, oder ein zweites Element verwenden.',
  'Sharing is switched off here': 'Das Teilen ist hier abgeschaltet',
  'The page does not allow to share files at the moment.': 'Die Seite erlaubt es im Moment nicht, Dateien zu teilen.',
  'To share files, open this page with the token in its address.':
    'Um Dateien zu teilen, diese Seite mit dem Zugangscode in der Adresse öffnen.',
  'A token is needed here': 'Hier ist ein Zugangscode nötig',
  'This tracker serves only clients with its token. Ask the person who gave you this address for a link with the token.':
    'Dieser Tracker bedient nur Browser mit seinem Zugangscode. Die Person, von der diese Adresse kommt, um einen Link mit dem Zugangscode bitten.',
  '{n} connections could not be made': {
    one: 'Eine Verbindung kam nicht zustande',
    other: '{n} Verbindungen kamen nicht zustande'
  },
  'A peer was found, but a firewall or network on one side blocks direct connections. Another network (for example a phone’s) often helps. The operator of the tracker can add a relay (TURN). The page tries again automatically.':
    'Ein anderer Browser wurde gefunden, aber eine Firewall oder ein Netz auf einer Seite blockiert direkte Verbindungen. Oft hilft ein anderes Netz (zum Beispiel das eines Handys). Wer den Tracker betreibt, kann ein Relay (TURN) hinzufügen. Die Seite versucht es von selbst noch einmal.',
  'Connecting…': 'Verbindung wird hergestellt …',
  'A peer that has the files was found.': 'Ein Browser, der die Dateien hat, wurde gefunden.',
  'No peer has these files right now': 'Im Moment hat kein anderer Browser diese Dateien',
  'The sender’s page must be open. Ask the sender to open it, and leave this page open: it continues automatically.':
    'Die Seite des Absenders muss geöffnet sein. Den Absender bitten, sie zu öffnen, und diese Seite geöffnet lassen: Es geht von selbst weiter.',
  'The tracker has no secure address': 'Der Tracker hat keine sichere Adresse',
  'Browsers do not connect a page at https:// to a tracker at ws:// ({host}). The page has to name the tracker with wss:// or https://, and its server needs a certificate for that.':
    'Browser verbinden eine Seite mit https:// nicht mit einem Tracker mit ws:// ({host}). Die Seite muss den Tracker mit wss:// oder https:// nennen, und sein Server braucht dafür ein Zertifikat.',
  'Try now': 'Jetzt versuchen',
  'The tracker refuses': 'Der Tracker lehnt ab',
  'It says: “{refusal}”.': 'Er sagt: „{refusal}“.',
  'Trying again now.': 'Neuer Versuch läuft.',
  'Trying again in {time}.': 'Neuer Versuch in {time}.',
  'Running transfers continue, but no new peers can be found.':
    'Laufende Übertragungen gehen weiter, aber neue Browser werden nicht gefunden.',
  '{host} opens a WebSocket, but does not answer: a proxy or filter may hold messages back.':
    '{host} öffnet einen WebSocket, antwortet aber nicht: Ein Proxy oder Filter hält Nachrichten vielleicht auf.',
  '{host} answers, but opens no WebSocket: a proxy or filter may hold it back.':
    '{host} antwortet, öffnet aber keinen WebSocket: Ein Proxy oder Filter hält ihn vielleicht auf.',
  'Nothing answers at {host}: the server is down, or its address, its certificate or this network is the cause.':
    'Unter {host} antwortet niemand: Der Server läuft nicht, oder es liegt an der Adresse, am Zertifikat oder an diesem Netz.',
  'The content security policy of this page blocks {host}. Its connect-src needs {addresses}.':
    'Die Content-Security-Policy dieser Seite sperrt {host}. connect-src braucht {addresses}.',
  'Browsers find each other through the tracker.': 'Über den Tracker finden sich die Browser.',
  'Connection to the tracker lost': 'Verbindung zum Tracker verloren',
  'The tracker cannot be reached': 'Der Tracker ist nicht erreichbar',
  Direct: 'Direkt',
  'Files go from your browser to theirs, end-to-end encrypted. No server stores them.':
    'Dateien gehen von Browser zu Browser, Ende-zu-Ende-verschlüsselt. Kein Server speichert sie.',
  'Faster with more': 'Schneller mit mehr',
  'Everyone who downloads also sends the files to others.':
    'Alle, die herunterladen, senden die Dateien auch an andere.',
  'As long as you like': 'So lange wie gewünscht',
  'The link works while this page is open. Close the page to end the sharing.':
    'Der Link funktioniert, solange diese Seite geöffnet ist. Die Seite schließen, um das Teilen zu beenden.',
  'This server only introduces browsers to each other. It never sees the files or their names.':
    'Dieser Server macht Browser nur miteinander bekannt. Er sieht weder die Dateien noch ihre Namen.',
  Documentation: 'Dokumentation',
  'Check the connection': 'Verbindung prüfen',
  'swarmhub, start page': 'swarmhub, Startseite',
  'swarmhub: share files, browser to browser': 'swarmhub: Dateien teilen, von Browser zu Browser',
  'Add files': 'Dateien hinzufügen',
  'The link to all files has ended. The link from before goes on working, with the files that it had.':
    'Der Link zu allen Dateien gilt nicht mehr. Der Link davor gilt weiter, mit den Dateien, die er hatte.',
  'Preparing a new link to all files. The link above keeps working meanwhile.':
    'Ein neuer Link zu allen Dateien wird vorbereitet. Der Link oben funktioniert währenddessen weiter.',
  'of an earlier link': 'von einem früheren Link',
  'Ready. There is a new link, to all {n} files.': {
    one: 'Bereit. Es gibt einen neuen Link zu {n} Datei.',
    other: 'Bereit. Es gibt einen neuen Link zu allen {n} Dateien.'
  },
  'You added files, so this is a new link. {n} earlier links also work while this page is open, with the files that they had.':
    {
      one: 'Es kamen Dateien hinzu, deshalb ist dies ein neuer Link. Der frühere Link funktioniert auch, solange diese Seite geöffnet ist, mit den Dateien von damals.',
      other:
        'Es kamen Dateien hinzu, deshalb ist dies ein neuer Link. {n} frühere Links funktionieren auch, solange diese Seite geöffnet ist, mit den Dateien von damals.'
    },
  '{n} older links have ended: at most {max} are kept, longest those that someone is downloading from.': {
    one: '{n} älterer Link ist beendet: Höchstens {max} bleiben, am längsten die, von denen gerade jemand herunterlädt.',
    other:
      '{n} ältere Links sind beendet: Höchstens {max} bleiben, am längsten die, von denen gerade jemand herunterlädt.'
  },
  'The password must be a text.': 'Das Passwort muss ein Text sein.',
  'The lifetime must be a number of milliseconds, at least 1 and at most 100 years.':
    'Die Lebensdauer muss eine Zahl von Millisekunden sein, mindestens 1 und höchstens 100 Jahre.',
  'A password and a lifetime need encryption, which is off here.':
    'Passwort und Lebensdauer brauchen Verschlüsselung, die hier ausgeschaltet ist.',
  'An option cannot be used': 'Eine Option lässt sich nicht verwenden',
  'No password is asked for': 'Es wird kein Passwort verlangt',
  'A password can be given while the element has the state “locked”.':
    'Ein Passwort kann angegeben werden, solange das Element im Zustand „locked“ ist.',
  'The password does not fit': 'Das Passwort passt nicht',
  'Check it, or ask the sender for it.': 'Bitte prüfen oder den Absender danach fragen.',
  'Nothing arrived': 'Nichts ist angekommen',
  'What you shared with this app did not reach it. Share it again, or choose the files here.':
    'Was mit dieser App geteilt wurde, hat sie nicht erreicht. Noch einmal teilen oder die Dateien hier auswählen.'
}
