// @ts-check
// Spanish: all other texts, by the English text. docs/embed.md says how to contribute a language.

/** @type {import('../../common/words.js').Words} */
export default {
  unknown: 'desconocido',
  '{s} s': '{s} s',
  '{min} min {s} s': '{min} min {s} s',
  '{min} min': '{min} min',
  '{h} h {min} min': '{h} h {min} min',
  'more than a week': 'más de una semana',
  '{n} days': { one: '{n} día', many: '{n} de días', other: '{n} días' },
  '{n} %': '{n} %',
  Download: 'Descargar',
  'Download {name}': 'Descargar {name}',
  'Progress of {name}': 'Progreso de {name}',
  Open: 'Abrir',
  'Open {name}': 'Abrir {name}',
  Save: 'Guardar',
  'Save {name}': 'Guardar {name}',
  '{percent} downloaded earlier': '{percent} ya descargado antes',
  Complete: 'Completo',
  'Not chosen': 'No elegido',
  'Scan this with a phone, or send the link. It works while this page, or the page of another person who has the files, is open.':
    'Escanear el código con un móvil o enviar el enlace. Funciona mientras esté abierta esta página, o la de otra persona que tenga los archivos.',
  'Link to this share': 'Enlace a estos archivos',
  'Copy link': 'Copiar enlace',
  'Share…': 'Compartir…',
  'QR code of the link': 'Código QR del enlace',
  'This link works on this machine only': 'Este enlace solo funciona en este equipo',
  'Link for other machines': 'Enlace para otros equipos',
  Copy: 'Copiar',
  'Copy {name}': 'Copiar {name}',
  'Link copied': 'Enlace copiado',
  'The browser does not allow copying. The link is selected: copy it with the keyboard':
    'El navegador no permite copiar. El enlace está seleccionado y se puede copiar con el teclado',
  'The system’s share sheet did not open; copy the link instead':
    'El menú para compartir del sistema no se abrió; se puede copiar el enlace',
  Down: 'Descarga',
  Up: 'Subida',
  'Time left': 'Tiempo restante',
  Sent: 'Enviado',
  Connected: 'Conectado',
  'Progress of all files': 'Progreso de todos los archivos',
  '{done} of {size}': '{done} de {size}',
  '{n} peers': { one: '{n} navegador', many: '{n} de navegadores', other: '{n} navegadores' },
  'This password does not fit. Check it, or ask the sender.':
    'Esta contraseña no es correcta. Conviene revisarla o preguntar a quien envía.',
  Password: 'Contraseña',
  'Nobody has opened the link yet.': 'Nadie ha abierto el enlace todavía.',
  'Not connected to any peer yet.': 'Sin conexión con otro navegador todavía.',
  'Receiver {n}': 'Receptor {n}',
  'Peer {n}': 'Navegador {n}',
  'Progress of receiver {n}': 'Progreso del receptor {n}',
  'Progress of peer {n}': 'Progreso del navegador {n}',
  'has everything': 'lo tiene todo',
  'has {percent}': 'tiene el {percent}',
  'The page has no service worker here, as in some private windows, so it shows the file only when it is complete.':
    'La página no tiene aquí un service worker, como en algunas ventanas privadas, así que muestra el archivo solo cuando está completo.',
  'The page has no service worker here, as in some private windows, so it shows no file of this size. Save it to open it.':
    'La página no tiene aquí un service worker, como en algunas ventanas privadas, así que no muestra archivos de este tamaño. Para abrirlo hay que guardarlo.',
  'Preview of {name}': 'Vista previa de {name}',
  Close: 'Cerrar',
  'Close preview': 'Cerrar la vista previa',
  'The file could not be read.': 'No se pudo leer el archivo.',
  'This browser cannot show the file: its format is not supported or the file is damaged. Save it to open it with another program.':
    'Este navegador no puede mostrar el archivo: su formato no es compatible o el archivo está dañado. Se puede guardar y abrir con otro programa.',
  'Text of the file': 'Texto del archivo',
  'Copy the text': 'Copiar el texto',
  'The first {part} of {size}.': 'Los primeros {part} de {size}.',
  'The text could not be read.': 'No se pudo leer el texto.',
  'Text copied': 'Texto copiado',
  'The browser does not allow copying. The text is selected: copy it with the keyboard':
    'El navegador no permite copiar. El texto está seleccionado y se puede copiar con el teclado',
  'This browser does not show PDF files. Save it to open it with another program.':
    'Este navegador no muestra archivos PDF. Se puede guardar y abrir con otro programa.',
  Files: 'Archivos',
  Connections: 'Conexiones',
  Cancel: 'Cancelar',
  'Looking for the files…': 'Buscando los archivos…',
  'A password is needed': 'Se necesita una contraseña',
  'Names and sizes come from the sender.': 'Los nombres y tamaños vienen de quien envía.',
  'The sender set a password for these files.': 'Quien envía puso una contraseña a estos archivos.',
  'Checking the data of an earlier download…': 'Comprobando los datos de una descarga anterior…',
  'Only accept files from people you trust.': 'Aceptar solo archivos de personas de confianza.',
  'Continue download': 'Continuar la descarga',
  Link: 'Enlace',
  Receivers: 'Receptores',
  'Preparing {name}': 'Preparando {name}',
  'Sharing {name}': 'Compartiendo {name}',
  'Stop sharing': 'Dejar de compartir',
  'Reading and encrypting the files, so that receivers can check every piece. Nothing is sent yet.':
    'Se leen y cifran los archivos para que los receptores puedan comprobar cada pieza. Todavía no se envía nada.',
  'Reading the files, so that receivers can check every piece. Nothing is sent yet.':
    'Se leen los archivos para que los receptores puedan comprobar cada pieza. Todavía no se envía nada.',
  'Keep this page open.': 'Hay que dejar esta página abierta.',
  Never: 'Nunca',
  'Show the password': 'Mostrar la contraseña',
  'Receivers then need the link and the password. Send it another way than the link. It cannot be recovered.':
    'Los receptores necesitan entonces el enlace y la contraseña. Conviene enviarla por una vía distinta a la del enlace. No se puede recuperar.',
  'The share expires': 'El enlace caduca',
  'Make a new link, so that earlier links to these files stop working':
    'Crear un enlace nuevo, para que los enlaces anteriores de estos archivos dejen de funcionar',
  'Closed.': 'Cerrado.',
  'Stopped.': 'Detenido.',
  'No limit': 'Sin límite',
  'Send at most': 'Enviar como máximo',
  'Another network often helps, for example a phone’s.': 'Otra red suele ayudar, por ejemplo la de un móvil.',
  'a relay helps networks without UDP if it is reached over TCP or TLS (--ice-turn, docs/connect.md).':
    'un relay ayuda a las redes sin UDP si se llega a él por TCP o TLS (--ice-turn, docs/connect.md).',
  'switch on the relay of the tracker with --ice-turn, or ice.turn = true in its configuration.':
    'activar el relay del tracker con --ice-turn, o con ice.turn = true en su configuración.',
  'the dashboard shows why the relay refuses browsers; docs/connect.md lists the ports to open.':
    'el panel muestra por qué el relay rechaza navegadores; docs/connect.md indica los puertos que hay que abrir.',
  'Only browsers in the same network connect here': 'Aquí solo se conectan navegadores de la misma red',
  'A peer was found, but it cannot be reached. Without a STUN server this browser connects only within its own network.':
    'Se encontró otro navegador, pero no se puede llegar a él. Sin un servidor STUN, este navegador solo se conecta dentro de su propia red.',
  'check ice.stun, and behind a proxy set ice.public_address (docs/connect.md). Pages on localhost get no STUN server.':
    'comprobar ice.stun, y detrás de un proxy definir ice.public_address (docs/connect.md). Las páginas en localhost no reciben servidor STUN.',
  'Your network blocks the connection': 'Esta red bloquea la conexión',
  'Your network lets no UDP out: this browser reaches no STUN or TURN server.':
    'Esta red no deja salir UDP: este navegador no llega a ningún servidor STUN o TURN.',
  'The other network blocks the connection': 'La otra red bloquea la conexión',
  'The network of the other browser seems to let no UDP out: it has no public address.':
    'La red del otro navegador parece no dejar salir UDP: no tiene dirección pública.',
  'Neither browser reaches the STUN server': 'Ninguno de los dos navegadores llega al servidor STUN',
  'Both networks let no UDP out, or the server does not answer.':
    'Ninguna de las dos redes deja salir UDP, o el servidor no responde.',
  'let UDP through the firewall to the port of the STUN server (docs/connect.md).':
    'dejar pasar UDP por el cortafuegos hasta el puerto del servidor STUN (docs/connect.md).',
  'The two networks need a relay': 'Las dos redes necesitan un relay',
  'At least one of the two networks blocks direct connections or uses a new port for each destination (symmetric NAT).':
    'Al menos una de las dos redes bloquea las conexiones directas o usa un puerto nuevo para cada destino (NAT simétrico).',
  'Your network needs a relay': 'Esta red necesita un relay',
  'Your network uses a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.':
    'Esta red usa un puerto nuevo para cada destino (NAT simétrico), así que los navegadores no pueden conectarse directamente.',
  'The other network needs a relay': 'La otra red necesita un relay',
  'The network of the other browser uses a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.':
    'La red del otro navegador usa un puerto nuevo para cada destino (NAT simétrico), así que los navegadores no pueden conectarse directamente.',
  'Both networks need a relay': 'Ambas redes necesitan un relay',
  'Both networks use a new port for each destination (symmetric NAT), so the browsers cannot reach each other directly.':
    'Ambas redes usan un puerto nuevo para cada destino (NAT simétrico), así que los navegadores no pueden conectarse directamente.',
  'This browser does not get the relay': 'Este navegador no puede usar el relay',
  'The relay refused this browser, or your network blocks it.':
    'El relay rechazó a este navegador, o esta red lo bloquea.',
  'The other browser does not get the relay': 'El otro navegador no puede usar el relay',
  'The relay refused the other browser, or the network there blocks it.':
    'El relay rechazó al otro navegador, o su red lo bloquea.',
  'The relay does not connect the browsers': 'El relay no conecta los navegadores',
  'Both browsers have a place on a relay, but no data gets through. It may be at its limits.':
    'Ambos navegadores tienen sitio en un relay, pero no pasan datos. Puede que esté al límite.',
  'the dashboard shows what the relay drops; docs/limits.md lists its limits.':
    'el panel muestra lo que el relay descarta; docs/limits.md indica sus límites.',
  'The page tries again automatically.': 'La página lo intenta de nuevo por sí sola.',
  'For the operator of the tracker: {help}': 'Para quien administra el tracker: {help}',
  'same network': 'misma red',
  direct: 'directo',
  'through the tracker’s relay': 'por el relay del tracker',
  'through a relay': 'por un relay',
  'being checked': 'comprobando',
  'Tell me when done': 'Avisar al terminar',
  'You get a notification of your system, if this page stays open.': 'El sistema avisará si esta página sigue abierta.',
  'This browser blocks notifications of this page. To allow them, open the settings of the page beside its address, and press the button again.':
    'Este navegador bloquea las notificaciones de esta página. Para permitirlas, abrir los ajustes de la página junto a su dirección y volver a pulsar el botón.',
  'The browser has no permission yet. Press the button again, and allow it.':
    'El navegador aún no tiene permiso. Volver a pulsar el botón y permitirlo.',
  'The browser does not show notifications of this page.': 'El navegador no muestra notificaciones de esta página.',
  'A receiver has everything': 'Un receptor lo tiene todo',
  'The download is complete': 'La descarga está completa',
  'After an hour': 'Después de una hora',
  'After a day': 'Después de un día',
  'After a week': 'Después de una semana',
  'Not end-to-end encrypted: connections are encrypted, but everyone who knows the info-hash can get the files and their names.':
    'Sin cifrado de extremo a extremo: las conexiones van cifradas, pero cualquiera que conozca el info-hash puede obtener los archivos y sus nombres.',
  'End-to-end encrypted. Without the link and the password, neither the tracker nor other browsers can read the files, their names or their exact number.':
    'Cifrado de extremo a extremo. Sin el enlace y la contraseña, ni el tracker ni otros navegadores pueden leer los archivos, sus nombres o su número exacto.',
  'End-to-end encrypted. Without the link, neither the tracker nor other browsers can read the files, their names or their exact number.':
    'Cifrado de extremo a extremo. Sin el enlace, ni el tracker ni otros navegadores pueden leer los archivos, sus nombres o su número exacto.',
  'They can see the addresses of the browsers, the approximate size, the times, and that something is shared.':
    'Sí pueden ver las direcciones de los navegadores, el tamaño aproximado, las horas y que se comparte algo.',
  'Whoever can change the scripts of this page can read everything: also the operators of the servers that they come from.':
    'Quien pueda cambiar los scripts de esta página puede leerlo todo: también quien administra los servidores de los que vienen.',
  'Whoever has the link and the password can open the files, so send them apart, and only to people you trust.':
    'Quien tenga el enlace y la contraseña puede abrir los archivos. Por eso conviene enviarlos por separado, y solo a personas de confianza.',
  'Whoever has the link can open the files, so send it only to people you trust.':
    'Quien tenga el enlace puede abrir los archivos. Por eso conviene enviarlo solo a personas de confianza.',
  'Expires in {time}.': 'Caduca en {time}.',
  'This link is incomplete': 'Este enlace está incompleto',
  'The files are encrypted, and the link has no key: the part after the dot is missing. Copy the whole link, or ask for it again.':
    'Los archivos están cifrados y el enlace no tiene clave: falta la parte después del punto. Hay que copiar el enlace entero o pedirlo de nuevo.',
  'The key does not fit': 'La clave no es correcta',
  'The key in this link is not the key of these files, so a part of the link was changed. Copy the whole link again, or ask the sender for it.':
    'La clave de este enlace no es la de estos archivos, así que una parte del enlace cambió. Hay que copiar de nuevo el enlace entero o pedirlo a quien envía.',
  'This page is too old for the share': 'Esta página es demasiado antigua para estos archivos',
  'A newer version of this page made it. Reload the page; if that does not help, its operator must update it.':
    'Los compartió una versión más nueva de esta página. Conviene recargarla; si no ayuda, quien la administra debe actualizarla.',
  'The list of files is not valid': 'La lista de archivos no es válida',
  'The list that the sender made contradicts itself. Nothing was opened. Ask the sender to share the files again, with this page.':
    'La lista de quien envía se contradice. No se abrió nada. Hay que pedir que comparta los archivos otra vez con esta página.',
  'The encrypted data is not valid': 'Los datos cifrados no son válidos',
  'A part cannot be decrypted, although it arrived as it was sent: the sender’s page encrypted it wrongly. No other peer has a better copy. Ask the sender to share the files again.':
    'Una parte no se puede descifrar, aunque llegó tal como se envió: la página de quien envía la cifró mal. Ningún otro navegador tiene una copia mejor. Hay que pedir que comparta los archivos otra vez.',
  'This share has expired': 'Este enlace ha caducado',
  'Its sender set a time, which has passed. To continue, the files must be shared again, with a new link.':
    'Quien envía fijó un plazo que ya pasó. Para continuar hay que compartir los archivos otra vez, con un enlace nuevo.',
  'These are too many files': 'Son demasiados archivos',
  'A share has at most 200,000 files, and their names and sizes take at most 10 MB. Share fewer files at once, or put them into an archive first.':
    'Se pueden compartir como máximo 200 000 archivos a la vez, y sus nombres y tamaños ocupan como máximo 10 MB. Conviene compartir menos archivos o meterlos antes en un archivo comprimido.',
  'As shared': 'Como se comparten',
  'By name': 'Por nombre',
  'Biggest first': 'Los más grandes primero',
  'Find files': 'Buscar archivos',
  Order: 'Orden',
  '{n} files': { one: '{n} archivo', many: '{n} de archivos', other: '{n} archivos' },
  'No file found.': 'Ningún archivo encontrado.',
  '{found} of {n} files.': {
    one: '{found} de {n} archivo.',
    many: '{found} de {n} de archivos.',
    other: '{found} de {n} archivos.'
  },
  'and {n} more files.': { one: 'y {n} archivo más.', many: 'y {n} de archivos más.', other: 'y {n} archivos más.' },
  'Add words to find fewer.': 'Con más palabras serán menos.',
  'and {n} more files, which are shared with them.': {
    one: 'y {n} archivo más, que se comparte también.',
    many: 'y {n} de archivos más, que se comparten también.',
    other: 'y {n} archivos más, que se comparten también.'
  },
  'and {n} more files, which come with them.': {
    one: 'y {n} archivo más, que viene también.',
    many: 'y {n} de archivos más, que vienen también.',
    other: 'y {n} archivos más, que vienen también.'
  },
  'Search to see them.': 'La búsqueda los muestra.',
  'A transfer is running.': 'Hay una transferencia en curso.',
  'Nothing has been saved yet.': 'Todavía no se ha guardado nada.',
  'Not everything has been saved yet.': 'Todavía no se ha guardado todo.',
  'The link works only while this page shares the files.':
    'El enlace solo funciona mientras esta página comparte los archivos.',
  'Stop it?': '¿Detenerla?',
  'Close and discard it?': '¿Cerrar y descartar?',
  'Stop sharing?': '¿Dejar de compartir?',
  'Leave this for the other address?': '¿Salir de aquí e ir a la otra dirección?',
  'At most {n} files here': {
    one: 'Aquí, {n} archivo como máximo',
    many: 'Aquí, {n} de archivos como máximo',
    other: 'Aquí, {n} archivos como máximo'
  },
  'You chose {n} files.': {
    one: 'Hay {n} archivo elegido.',
    many: 'Hay {n} de archivos elegidos.',
    other: 'Hay {n} archivos elegidos.'
  },
  'Together with what is shared there would be {n} files.': {
    one: 'Junto con lo que ya se comparte, habría {n} archivo.',
    many: 'Junto con lo que ya se comparte, habría {n} de archivos.',
    other: 'Junto con lo que ya se comparte, habría {n} archivos.'
  },
  'Choose fewer files.': 'Hay que elegir menos archivos.',
  '“{name}” is not one of the types that this page takes: {types}.':
    '«{name}» no es de los tipos que esta página acepta: {types}.',
  'This type of file is not accepted': 'Este tipo de archivo no se acepta',
  '“{name}” has {size}. This page takes files of at most {limit}.':
    '«{name}» tiene {size}. Esta página acepta archivos de hasta {limit}.',
  'A file is too big': 'Un archivo es demasiado grande',
  'Together they have {size}. This page takes at most {limit} at once.':
    'Juntos tienen {size}. Esta página acepta como máximo {limit} a la vez.',
  'These files are too big together': 'Estos archivos son demasiado grandes juntos',
  '{percent} downloaded.': '{percent} descargado.',
  '{n} receivers connected.': {
    one: '{n} receptor conectado.',
    many: '{n} de receptores conectados.',
    other: '{n} receptores conectados.'
  },
  'No receiver connected.': 'Ningún receptor conectado.',
  'Preparing {name}.': 'Preparando {name}.',
  'Ready. You can send the link.': 'Listo. Ya se puede enviar el enlace.',
  'Looking for a peer that has this.': 'Buscando un navegador que tenga los archivos.',
  'A password is needed.': 'Se necesita una contraseña.',
  'Found {name}: {files}. Start the download when you are ready.':
    'Encontrado {name}: {files}. La descarga puede empezar.',
  'Download started.': 'Descarga iniciada.',
  'Download complete.': 'Descarga completa.',
  download: 'descarga',
  'Password needed': 'Falta la contraseña',
  'Looking…': 'Buscando…',
  unnamed: 'sin nombre',
  '“{host}” means a different machine for everyone else.': '«{host}» es un equipo distinto para los demás.',
  'In the same network, use the link below. If the browser there warns about the certificate, continue: in a home network the certificate is self-signed.':
    'En la misma red, usar el enlace de abajo. Si allí el navegador avisa del certificado, continuar: en una red doméstica el certificado es autofirmado.',
  'Scan this with a phone in the same network. It opens {host}.':
    'Escanear el código con un móvil de la misma red. Abre {host}.',
  'Other machines need an https address: start the server with --tls-self-signed or with a certificate, and let it listen on an address that they can reach.':
    'Otros equipos necesitan una dirección https: iniciar el servidor con --tls-self-signed o con un certificado, en una dirección a la que puedan llegar.',
  'Other machines need an https address of this page that they can reach.':
    'Otros equipos necesitan una dirección https de esta página a la que puedan llegar.',
  'The browser is saving it.': 'El navegador lo está guardando.',
  'It is saved.': 'Guardado.',
  '{files}: complete, and checked piece by piece.': '{files}: completo y comprobado pieza por pieza.',
  'While this page is open, it sends them to other receivers.':
    'Mientras esta página esté abierta, los envía a otros receptores.',
  'Save all': 'Guardar todo',
  'Save again': 'Guardar de nuevo',
  Text: 'Texto',
  'It is shared as a file, text.txt. Receivers can read and copy it in their page.':
    'Se comparte como un archivo, text.txt. Los receptores pueden leerlo y copiarlo en su página.',
  'Share the text': 'Compartir el texto',
  'Link, magnet link or info-hash': 'Enlace, enlace magnet o info-hash',
  'This is no link to a share. It should have 40 letters and digits, in a link behind the “#”. Copy the whole link, or ask for it again.':
    'Esto no es un enlace a archivos compartidos. Debería tener 40 letras y cifras, en un enlace después de «#». Hay que copiar el enlace entero o pedirlo de nuevo.',
  'Another app or a web page has sent this. Nothing is shared before you say so. Set a password or an expiry under “Options” before, if you need one.':
    'Otra aplicación o una página web ha enviado esto. No se comparte nada sin confirmación. Si hace falta, antes se puede poner una contraseña o una caducidad en «Opciones».',
  'Share these {n} files?': {
    one: '¿Compartir este archivo?',
    many: '¿Compartir estos {n} de archivos?',
    other: '¿Compartir estos {n} archivos?'
  },
  Share: 'Compartir',
  'Nothing was pasted': 'No se pegó nada',
  'This page shares or receives already. End that first to share what you copied.':
    'Esta página ya comparte o recibe algo. Hay que terminarlo antes de compartir lo copiado.',
  'This window keeps files in memory, as private windows do.':
    'Esta ventana guarda los archivos en la memoria, como hacen las ventanas privadas.',
  'This page keeps files in memory, because its content security policy forbids the storage worker.':
    'Esta página guarda los archivos en la memoria, porque su política de seguridad de contenido prohíbe el worker de almacenamiento.',
  'Open the link in a normal window, which keeps them on the disk.':
    'Conviene abrir el enlace en una ventana normal, que los guarda en el disco.',
  'The operator of this page can allow that worker (worker-src), which keeps them on the disk.':
    'Quien administra esta página puede permitir ese worker (worker-src), que los guarda en el disco.',
  'Try again': 'Intentar de nuevo',
  'This window cannot hold more': 'En esta ventana no cabe más',
  'The browser gives it no more.': 'El navegador no le da más.',
  'Or choose fewer files.': 'O elegir menos archivos.',
  'The storage is full': 'El almacenamiento está lleno',
  'The browser may not store more for this page. Free some disk space, or choose fewer files, and try again. In a private window, open the link in a normal one: it may store more.':
    'El navegador no puede guardar más para esta página. Conviene liberar espacio en el disco o elegir menos archivos, e intentar de nuevo. En una ventana privada, abrir el enlace en una normal: puede guardar más.',
  'The browser gives it {space}; the files take {size}.': 'El navegador le da {space}; los archivos ocupan {size}.',
  'This window cannot hold these files': 'Estos archivos no caben en esta ventana',
  'This may be too big for the memory': 'Puede ser demasiado grande para la memoria',
  'So {size} must fit there.': 'Así que {size} tienen que caber ahí.',
  'There may not be enough space': 'Puede que no haya espacio suficiente',
  'The files take {size}, and the browser has {space} left for this page. Free some disk space or choose fewer files. In a private window, open the link in a normal one: it may store more.':
    'Los archivos ocupan {size}, y al navegador le quedan {space} para esta página. Conviene liberar espacio en el disco o elegir menos archivos. En una ventana privada, abrir el enlace en una normal: puede guardar más.',
  'Connected to {n}: {parts}.': 'Conexiones: {n} ({parts}).',
  '{n} in the same network': '{n} en la misma red',
  '{n} directly': '{n} directamente',
  '{n} through the tracker’s relay': '{n} por el relay del tracker',
  '{n} through a relay': '{n} por un relay',
  '{n} still being checked': '{n} en comprobación',
  'This page needs a secure address': 'Esta página necesita una dirección segura',
  'It was opened over plain http ({address}). Browsers then switch off the parts that check and save files. Open it through https, or, on the machine that runs its server, as http://localhost. The operator of the server can give it a certificate; swarmhub adds an https address with --tls-self-signed.':
    'Se abrió por http sin cifrar ({address}). Los navegadores desactivan entonces las partes que comprueban y guardan archivos. Hay que abrirla por https o, en el equipo donde está su servidor, como http://localhost. Quien administra el servidor puede darle un certificado; swarmhub añade una dirección https con --tls-self-signed.',
  'This browser cannot connect to other browsers': 'Este navegador no puede conectarse con otros navegadores',
  'WebRTC is missing or switched off (some privacy settings and add-ons do that). Switch it on for this page, or use a current Firefox, Chrome, Edge or Safari.':
    'WebRTC falta o está desactivado (lo hacen algunos ajustes y extensiones de privacidad). Hay que activarlo para esta página, o usar una versión actual de Firefox, Chrome, Edge o Safari.',
  'A file can no longer be read': 'Un archivo ya no se puede leer',
  'It was changed, moved or deleted after you chose it. Choose the files again to share them as they are now.':
    'Se cambió, movió o borró después de elegirlo. Hay que elegir los archivos otra vez para compartirlos como están ahora.',
  'Nothing to share': 'Nada que compartir',
  'What you chose holds no data: only empty files or folders.':
    'Lo elegido no contiene datos: solo archivos o carpetas vacíos.',
  'A part of this page could not be loaded': 'No se pudo cargar una parte de esta página',
  'The server it comes from does not answer. Try again in a moment, or reload the page.':
    'El servidor del que viene no responde. Intentar de nuevo en un momento o recargar la página.',
  'The transfer has ended': 'La transferencia ha terminado',
  'Something went wrong: {message}': 'Algo salió mal: {message}',
  'Saving failed': 'No se pudo guardar',
  'The browser says: “{message}”. The downloaded files are still here: save them again, or in another place.':
    'El navegador dice: «{message}». Los archivos descargados siguen aquí: se pueden guardar de nuevo, o en otro lugar.',
  'After the “#” it should have 40 letters and digits, and for encrypted files a dot and a key of 22 characters. Copy the whole link, or ask for it again.':
    'Después de «#» debería tener 40 letras y cifras y, para archivos cifrados, un punto y una clave de 22 caracteres. Hay que copiar el enlace entero o pedirlo de nuevo.',
  'This page names no tracker': 'Esta página no indica ningún tracker',
  'Its script does not come from a tracker, so the element needs the attribute “tracker” with the address of one.':
    'Su script no viene de un tracker, así que el elemento necesita el atributo «tracker» con la dirección de uno.',
  'This element is in use': 'Este elemento está en uso',
  'It shares or receives already. End that first, or use a second element.':
    'Ya comparte o recibe algo. Hay que terminarlo antes o usar un segundo elemento.',
  'Sharing is switched off here': 'Aquí no se puede compartir',
  'The page does not allow to share files at the moment.': 'La página no permite compartir archivos en este momento.',
  'To share files, open this page with the token in its address.':
    'Para compartir archivos, abrir esta página con el código de acceso en su dirección.',
  'A token is needed here': 'Aquí se necesita un código de acceso',
  'This tracker serves only clients with its token. Ask the person who gave you this address for a link with the token.':
    'Este tracker solo atiende a navegadores con su código de acceso. Hay que pedir un enlace con el código a la persona que dio esta dirección.',
  '{n} connections could not be made': {
    one: 'No se pudo establecer una conexión',
    many: 'No se pudieron establecer {n} de conexiones',
    other: 'No se pudieron establecer {n} conexiones'
  },
  'A peer was found, but a firewall or network on one side blocks direct connections. Another network (for example a phone’s) often helps. The operator of the tracker can add a relay (TURN). The page tries again automatically.':
    'Se encontró otro navegador, pero un cortafuegos o una red de un lado bloquea las conexiones directas. Otra red (por ejemplo la de un móvil) suele ayudar. Quien administra el tracker puede añadir un relay (TURN). La página lo intenta de nuevo por sí sola.',
  'Connecting…': 'Conectando…',
  'A peer that has the files was found.': 'Se encontró un navegador que tiene los archivos.',
  'No peer has these files right now': 'Ningún otro navegador tiene ahora estos archivos',
  'The sender’s page must be open. Ask the sender to open it, and leave this page open: it continues automatically.':
    'La página de quien envía debe estar abierta. Hay que pedir que la abra y dejar abierta esta página: continúa por sí sola.',
  'The tracker has no secure address': 'El tracker no tiene una dirección segura',
  'Browsers do not connect a page at https:// to a tracker at ws:// ({host}). The page has to name the tracker with wss:// or https://, and its server needs a certificate for that.':
    'Los navegadores no conectan una página en https:// con un tracker en ws:// ({host}). La página tiene que indicar el tracker con wss:// o https://, y su servidor necesita un certificado para ello.',
  'Try now': 'Intentar ahora',
  'The tracker refuses': 'El tracker rechaza la conexión',
  'It says: “{refusal}”.': 'Dice: «{refusal}».',
  'Trying again now.': 'Intentándolo de nuevo.',
  'Trying again in {time}.': 'Nuevo intento en {time}.',
  'Running transfers continue, but no new peers can be found.':
    'Las transferencias en curso continúan, pero no se encuentran navegadores nuevos.',
  '{host} opens a WebSocket, but does not answer: a proxy or filter may hold messages back.':
    '{host} abre un WebSocket, pero no responde: puede que un proxy o un filtro retenga los mensajes.',
  '{host} answers, but opens no WebSocket: a proxy or filter may hold it back.':
    '{host} responde, pero no abre ningún WebSocket: puede que un proxy o un filtro lo impida.',
  'Nothing answers at {host}: the server is down, or its address, its certificate or this network is the cause.':
    'Nadie responde en {host}: el servidor no funciona, o la causa es su dirección, su certificado o esta red.',
  'The content security policy of this page blocks {host}. Its connect-src needs {addresses}.':
    'La política de seguridad de contenido de esta página bloquea {host}. connect-src necesita {addresses}.',
  'Browsers find each other through the tracker.': 'Los navegadores se encuentran a través del tracker.',
  'Connection to the tracker lost': 'Se perdió la conexión con el tracker',
  'The tracker cannot be reached': 'No se puede llegar al tracker',
  Direct: 'Directo',
  'Files go from your browser to theirs, end-to-end encrypted. No server stores them.':
    'Los archivos van de un navegador a otro, cifrados de extremo a extremo. Ningún servidor los guarda.',
  'Faster with more': 'Más rápido con más',
  'Everyone who downloads also sends the files to others.':
    'Cada persona que descarga también envía los archivos a otras.',
  'As long as you like': 'El tiempo que haga falta',
  'The link works while this page is open. Close the page to end the sharing.':
    'El enlace funciona mientras esta página está abierta. Al cerrarla se deja de compartir.',
  'This server only introduces browsers to each other. It never sees the files or their names.':
    'Este servidor solo presenta los navegadores entre sí. Nunca ve los archivos ni sus nombres.',
  Documentation: 'Documentación',
  'Check the connection': 'Comprobar la conexión',
  'swarmhub, start page': 'swarmhub, página de inicio',
  'swarmhub: share files, browser to browser': 'swarmhub: compartir archivos, de navegador a navegador',
  'Add files': 'Añadir archivos',
  'The link to all files has ended. The link from before goes on working, with the files that it had.':
    'El enlace a todos los archivos ha dejado de funcionar. El enlace anterior sigue funcionando, con los archivos que tenía.',
  'Preparing a new link to all files. The link above keeps working meanwhile.':
    'Se prepara un enlace nuevo a todos los archivos. Mientras tanto, el enlace de arriba sigue funcionando.',
  'of an earlier link': 'de un enlace anterior',
  'Ready. There is a new link, to all {n} files.': {
    one: 'Listo. Hay un enlace nuevo a {n} archivo.',
    many: 'Listo. Hay un enlace nuevo a los {n} de archivos.',
    other: 'Listo. Hay un enlace nuevo a los {n} archivos.'
  },
  'You added files, so this is a new link. {n} earlier links also work while this page is open, with the files that they had.':
    {
      one: 'Se añadieron archivos, así que este es un enlace nuevo. El enlace anterior también funciona mientras esta página está abierta, con los archivos que tenía entonces.',
      many: 'Se añadieron archivos, así que este es un enlace nuevo. También funcionan {n} de enlaces anteriores mientras esta página está abierta, con los archivos que tenían entonces.',
      other:
        'Se añadieron archivos, así que este es un enlace nuevo. También funcionan {n} enlaces anteriores mientras esta página está abierta, con los archivos que tenían entonces.'
    },
  '{n} older links have ended: at most {max} are kept, longest those that someone is downloading from.': {
    one: '{n} enlace más antiguo dejó de funcionar: se mantienen como máximo {max}, y más tiempo los que alguien está usando para descargar.',
    many: '{n} de enlaces más antiguos dejaron de funcionar: se mantienen como máximo {max}, y más tiempo los que alguien está usando para descargar.',
    other:
      '{n} enlaces más antiguos dejaron de funcionar: se mantienen como máximo {max}, y más tiempo los que alguien está usando para descargar.'
  },
  'The password must be a text.': 'La contraseña debe ser un texto.',
  'The lifetime must be a number of milliseconds, at least 1 and at most 100 years.':
    'La duración debe ser un número de milisegundos, como mínimo 1 y como máximo 100 años.',
  'A password and a lifetime need encryption, which is off here.':
    'La contraseña y la duración necesitan cifrado, que aquí está desactivado.',
  'An option cannot be used': 'Una opción no se puede usar',
  'No password is asked for': 'No se pide ninguna contraseña',
  'A password can be given while the element has the state “locked”.':
    'Se puede dar una contraseña mientras el elemento está en el estado «locked».',
  'The password does not fit': 'La contraseña no es correcta',
  'Check it, or ask the sender for it.': 'Conviene revisarla o pedirla a quien envía.',
  'Nothing arrived': 'No llegó nada',
  'What you shared with this app did not reach it. Share it again, or choose the files here.':
    'Lo que se compartió con esta aplicación no llegó. Se puede compartir otra vez o elegir los archivos aquí.'
}
