BEGIN TRANSACTION;
CREATE TABLE customers (
	id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	email VARCHAR NOT NULL, 
	language VARCHAR NOT NULL, 
	company VARCHAR NOT NULL, 
	"plan" VARCHAR NOT NULL, 
	loyalty_level VARCHAR NOT NULL, 
	customer_since DATE NOT NULL, 
	street VARCHAR NOT NULL, 
	postcode VARCHAR NOT NULL, 
	city VARCHAR NOT NULL, 
	country VARCHAR NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (email)
);
INSERT INTO "customers" VALUES('CUS-2001','active','Anneke de Vries','anneke.devries@example.com','nl','','','Fern','2023-05-08','Lindegracht 14','3511 AB','Utrecht','Netherlands','cus-2001 anneke de vries anneke.devries@example.com  utrecht');
INSERT INTO "customers" VALUES('CUS-2002','active','Jonas Weber','jonas.weber@example.com','de','','','Moss','2024-02-19','Am Alten Markt 3','50667','Köln','Germany','cus-2002 jonas weber jonas.weber@example.com  koln');
INSERT INTO "customers" VALUES('CUS-2003','active','Jonas Weber','j.weber@example.net','de','','','Moss','2025-09-01','Gartenstraße 27','04109','Leipzig','Germany','cus-2003 jonas weber j.weber@example.net  leipzig');
INSERT INTO "customers" VALUES('CUS-2004','active','Marta Lindqvist','marta.lindqvist@example.org','en','','','Moss','2025-03-30','Björkgatan 8','413 01','Göteborg','Sweden','cus-2004 marta lindqvist marta.lindqvist@example.org  goteborg');
INSERT INTO "customers" VALUES('CUS-2005','active','Luca Moretti','luca.moretti@example.com','en','','','Fern','2024-11-12','Via dei Tigli 21','40121','Bologna','Italy','cus-2005 luca moretti luca.moretti@example.com  bologna');
INSERT INTO "customers" VALUES('CUS-2006','active','Siobhán Byrne','siobhan.byrne@example.org','en','','','Moss','2025-01-07','5 Harbour Row','T12 X4K7','Cork','Ireland','cus-2006 siobhan byrne siobhan.byrne@example.org  cork');
INSERT INTO "customers" VALUES('CUS-2007','active','Oliver Hughes','oliver.hughes@example.net','en','','','Moss','2025-06-16','42 Millstone Lane','LS1 4AP','Leeds','United Kingdom','cus-2007 oliver hughes oliver.hughes@example.net  leeds');
INSERT INTO "customers" VALUES('CUS-2008','active','Pieter Bakker','inkoop@zonneweide.example','nl','Café Zonneweide','Team','','2024-08-26','Weidepad 2','2011 CD','Haarlem','Netherlands','cus-2008 pieter bakker inkoop@zonneweide.example cafe zonneweide haarlem');
INSERT INTO "customers" VALUES('CUS-2009','active','Katharina Huber','einkauf@lindenhof.example','de','Hotel Lindenhof','Scale','','2023-10-02','Lindenhofgasse 1','1070','Wien','Austria','cus-2009 katharina huber einkauf@lindenhof.example hotel lindenhof wien');
INSERT INTO "customers" VALUES('CUS-2010','closed','Åsa Nyström','asa.nystrom@example.com','en','','','Moss','2022-12-05','Ringvägen 60','753 10','Uppsala','Sweden','cus-2010 asa nystrom asa.nystrom@example.com  uppsala');
INSERT INTO "customers" VALUES('CUS-2011','active','Camille Laurent','camille.laurent@example.org','fr','','','Moss','2024-04-22','9 rue des Tanneurs','69002','Lyon','France','cus-2011 camille laurent camille.laurent@example.org  lyon');
INSERT INTO "customers" VALUES('CUS-2012','active','Tomasz Zieliński','tomasz.zielinski@example.net','en','','','Moss','2026-10-11','ul. Portowa 17','80-001','Gdańsk','Poland','cus-2012 tomasz zielinski tomasz.zielinski@example.net  gdansk');
CREATE TABLE messages (
	ticket_id VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	author VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	internal BOOLEAN NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (ticket_id, number), 
	FOREIGN KEY(ticket_id) REFERENCES tickets (id)
);
INSERT INTO "messages" VALUES('TCK-3001',1,'siobhan.byrne@example.org','2026-10-12 09:15:00.000000',0,'The lamp is too bright for the bedroom. It is unused. How do I send it back?');
INSERT INTO "messages" VALUES('TCK-3001',2,'agent:noor','2026-10-12 10:02:00.000000',0,'The label is in your mail. 3.90 EUR for it will be taken off the refund.');
INSERT INTO "messages" VALUES('TCK-3001',3,'agent:noor','2026-10-21 13:40:00.000000',0,'It arrived in good order. 41.60 EUR are on their way.');
INSERT INTO "messages" VALUES('TCK-3002',1,'camille.laurent@example.org','2026-11-14 18:21:00.000000',0,'My bank shows 64.40 EUR twice on 21 October. I ordered one radio only. What is the second charge?');
INSERT INTO "messages" VALUES('TCK-3003',1,'marta.lindqvist@example.org','2026-11-13 07:48:00.000000',0,'The box was dented when it came yesterday. Two dinner plates are broken and a bowl has a crack. The runner and the candles are fine. What can you do?');
INSERT INTO "messages" VALUES('TCK-3003',2,'agent:noor','2026-11-13 09:30:00.000000',1,'Photos received; breakage is clear. Remedy to be agreed.');
INSERT INTO "messages" VALUES('TCK-3004',1,'luca.moretti@example.com','2026-11-15 16:05:00.000000',0,'When will the boards arrive? From Wednesday I am at my mother''s: Via Roma 3, 40033 Casalecchio. Can they go there?');
INSERT INTO "messages" VALUES('TCK-3005',1,'inkoop@zonneweide.example','2026-11-16 07:10:00.000000',0,'The pallet was promised for 12 November and we open the terrace on Friday. Where is it, and what does the service level give us for the delay?');
INSERT INTO "messages" VALUES('TCK-3006',1,'anneke.devries@example.com','2026-11-12 19:33:00.000000',0,'I have filters for months. Please stop it for now.');
INSERT INTO "messages" VALUES('TCK-3006',2,'agent:sem','2026-11-13 08:20:00.000000',0,'Gladly. Shall I pause it for up to 3 months, or would a delivery every 3 months suit you better?');
INSERT INTO "messages" VALUES('TCK-3007',1,'einkauf@lindenhof.example','2026-11-13 11:00:00.000000',0,'We want to log in to Connect with our own identity provider (OpenID Connect). How is it configured?');
INSERT INTO "messages" VALUES('TCK-3008',1,'inkoop@zonneweide.example','2026-11-13 15:47:00.000000',0,'GET works, but POST /v1/orders answers 403 with our new live key. request_id 7f3a91c2.');
INSERT INTO "messages" VALUES('TCK-3003',3,'ada','2026-11-16 09:00:00.000000',0,'We are sorry: 12.72 €.');
CREATE TABLE order_lines (
	order_id VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	product_id VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	quantity INTEGER NOT NULL CHECK (quantity > 0), 
	unit_price_minor INTEGER NOT NULL, 
	PRIMARY KEY (order_id, number), 
	FOREIGN KEY(order_id) REFERENCES orders (id), 
	FOREIGN KEY(product_id) REFERENCES products (id)
);
INSERT INTO "order_lines" VALUES('ORD-1001',1,'PRD-7004','Electric gooseneck kettle, 1.0 l',1,6900);
INSERT INTO "order_lines" VALUES('ORD-1002',1,'PRD-7008','Cast iron casserole, 4 l',1,7900);
INSERT INTO "order_lines" VALUES('ORD-1002',2,'PRD-7012','Acacia cutting board',1,3200);
INSERT INTO "order_lines" VALUES('ORD-1003',1,'PRD-7006','Desk lamp with dimmer',1,4550);
INSERT INTO "order_lines" VALUES('ORD-1004',1,'PRD-7005','Burr coffee grinder',1,8900);
INSERT INTO "order_lines" VALUES('ORD-1005',1,'PRD-7009','Wool throw, 130 x 180 cm',2,6400);
INSERT INTO "order_lines" VALUES('ORD-1006',1,'PRD-7010','Smart plugs, pack of 2',2,2490);
INSERT INTO "order_lines" VALUES('ORD-1007',1,'PRD-7001','Stoneware dinner set, 12 pieces',1,5990);
INSERT INTO "order_lines" VALUES('ORD-1007',2,'PRD-7002','Linen table runner',1,1495);
INSERT INTO "order_lines" VALUES('ORD-1007',3,'PRD-7003','Beeswax dinner candles, set of 4',1,995);
INSERT INTO "order_lines" VALUES('ORD-1008',1,'PRD-7011','Kitchen radio with Bluetooth',1,5450);
INSERT INTO "order_lines" VALUES('ORD-1009',1,'PRD-7007','Robot vacuum Tidy 2',1,24900);
INSERT INTO "order_lines" VALUES('ORD-1010',1,'PRD-7012','Acacia cutting board',1,2800);
INSERT INTO "order_lines" VALUES('ORD-1011',1,'PRD-7013','Glass storage jars, set of 6',1,2790);
INSERT INTO "order_lines" VALUES('ORD-1011',2,'PRD-7002','Linen table runner',1,1495);
INSERT INTO "order_lines" VALUES('ORD-1012',1,'PRD-7001','Stoneware dinner set, 12 pieces',6,5990);
INSERT INTO "order_lines" VALUES('ORD-1012',2,'PRD-7013','Glass storage jars, set of 6',10,2790);
INSERT INTO "order_lines" VALUES('ORD-1013',1,'PRD-7001','Stoneware dinner set, 12 pieces',20,5990);
INSERT INTO "order_lines" VALUES('ORD-1014',1,'PRD-7006','Desk lamp with dimmer',12,4550);
INSERT INTO "order_lines" VALUES('ORD-1015',1,'PRD-7012','Acacia cutting board',2,3200);
INSERT INTO "order_lines" VALUES('ORD-1015',2,'PRD-7003','Beeswax dinner candles, set of 4',2,995);
INSERT INTO "order_lines" VALUES('ORD-1016',1,'PRD-7009','Wool throw, 130 x 180 cm',1,6400);
INSERT INTO "order_lines" VALUES('ORD-1017',1,'PRD-7010','Smart plugs, pack of 2',1,2490);
INSERT INTO "order_lines" VALUES('ORD-1018',1,'PRD-7007','Robot vacuum Tidy 2',1,24900);
INSERT INTO "order_lines" VALUES('ORD-1019',1,'PRD-7011','Kitchen radio with Bluetooth',1,5450);
INSERT INTO "order_lines" VALUES('ORD-1020',1,'PRD-7015','Porcelain pour-over dripper',1,1990);
INSERT INTO "order_lines" VALUES('ORD-1021',1,'PRD-7008','Cast iron casserole, 4 l',1,7900);
INSERT INTO "order_lines" VALUES('ORD-1022',1,'PRD-7009','Wool throw, 130 x 180 cm',1,5500);
INSERT INTO "order_lines" VALUES('ORD-1023',1,'PRD-7004','Electric gooseneck kettle, 1.0 l',8,6900);
INSERT INTO "order_lines" VALUES('ORD-1024',1,'PRD-7014','Refill Club delivery, small box',1,1800);
INSERT INTO "order_lines" VALUES('ORD-1025',1,'PRD-7001','Stoneware dinner set, 12 pieces',1,5990);
INSERT INTO "order_lines" VALUES('ORD-1025',2,'PRD-7008','Cast iron casserole, 4 l',1,7900);
CREATE TABLE orders (
	id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	ordered_on DATE NOT NULL, 
	delivered_on DATE, 
	shipping_minor INTEGER NOT NULL, 
	total_minor INTEGER NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(customer_id) REFERENCES customers (id)
);
INSERT INTO "orders" VALUES('ORD-1001','delivered','CUS-2001','2026-09-14','2026-09-17',0,6900,'EUR','ord-1001 electric gooseneck kettle, 1.0 l');
INSERT INTO "orders" VALUES('ORD-1002','delivered','CUS-2005','2026-09-21','2026-10-01',0,11100,'EUR','ord-1002 cast iron casserole, 4 l acacia cutting board');
INSERT INTO "orders" VALUES('ORD-1003','returned','CUS-2006','2026-09-28','2026-10-08',490,5040,'EUR','ord-1003 desk lamp with dimmer');
INSERT INTO "orders" VALUES('ORD-1004','delivered','CUS-2002','2026-10-05','2026-10-08',0,8900,'EUR','ord-1004 burr coffee grinder');
INSERT INTO "orders" VALUES('ORD-1005','delivered','CUS-2010','2026-10-08','2026-10-19',0,12800,'EUR','ord-1005 wool throw, 130 x 180 cm');
INSERT INTO "orders" VALUES('ORD-1006','delivered','CUS-2003','2026-10-19','2026-10-22',490,5470,'EUR','ord-1006 smart plugs, pack of 2');
INSERT INTO "orders" VALUES('ORD-1007','delivered','CUS-2004','2026-11-02','2026-11-12',0,8480,'EUR','ord-1007 stoneware dinner set, 12 pieces linen table runner beeswax dinner candles, set of 4');
INSERT INTO "orders" VALUES('ORD-1008','delivered','CUS-2011','2026-10-21','2026-10-23',990,6440,'EUR','ord-1008 kitchen radio with bluetooth');
INSERT INTO "orders" VALUES('ORD-1009','delivered','CUS-2012','2026-10-12','2026-10-22',0,24900,'EUR','ord-1009 robot vacuum tidy 2');
INSERT INTO "orders" VALUES('ORD-1010','delivered','CUS-2007','2026-10-26','2026-11-05',690,3490,'GBP','ord-1010 acacia cutting board');
INSERT INTO "orders" VALUES('ORD-1011','delivered','CUS-2001','2026-11-03','2026-11-10',490,4775,'EUR','ord-1011 glass storage jars, set of 6 linen table runner');
INSERT INTO "orders" VALUES('ORD-1012','delivered','CUS-2008','2026-10-27','2026-10-30',4500,68340,'EUR','ord-1012 stoneware dinner set, 12 pieces glass storage jars, set of 6');
INSERT INTO "orders" VALUES('ORD-1013','shipped','CUS-2008','2026-11-09',NULL,4500,124300,'EUR','ord-1013 stoneware dinner set, 12 pieces');
INSERT INTO "orders" VALUES('ORD-1014','shipped','CUS-2009','2026-11-11',NULL,990,55590,'EUR','ord-1014 desk lamp with dimmer');
INSERT INTO "orders" VALUES('ORD-1015','shipped','CUS-2005','2026-11-10',NULL,0,8390,'EUR','ord-1015 acacia cutting board beeswax dinner candles, set of 4');
INSERT INTO "orders" VALUES('ORD-1016','packed','CUS-2006','2026-11-13',NULL,0,6400,'EUR','ord-1016 wool throw, 130 x 180 cm');
INSERT INTO "orders" VALUES('ORD-1017','placed','CUS-2002','2026-11-15',NULL,490,2980,'EUR','ord-1017 smart plugs, pack of 2');
INSERT INTO "orders" VALUES('ORD-1018','placed','CUS-2003','2026-11-14',NULL,990,25890,'EUR','ord-1018 robot vacuum tidy 2');
INSERT INTO "orders" VALUES('ORD-1019','shipped','CUS-2001','2026-11-12',NULL,0,5450,'EUR','ord-1019 kitchen radio with bluetooth');
INSERT INTO "orders" VALUES('ORD-1020','cancelled','CUS-2004','2026-10-20',NULL,490,2480,'EUR','ord-1020 porcelain pour-over dripper');
INSERT INTO "orders" VALUES('ORD-1021','delivered','CUS-2011','2026-11-03','2026-11-06',990,8890,'EUR','ord-1021 cast iron casserole, 4 l');
INSERT INTO "orders" VALUES('ORD-1022','shipped','CUS-2007','2026-11-04',NULL,690,6190,'GBP','ord-1022 wool throw, 130 x 180 cm');
INSERT INTO "orders" VALUES('ORD-1023','delivered','CUS-2009','2026-10-14','2026-10-15',990,56190,'EUR','ord-1023 electric gooseneck kettle, 1.0 l');
INSERT INTO "orders" VALUES('ORD-1024','delivered','CUS-2001','2026-11-05','2026-11-11',0,1800,'EUR','ord-1024 refill club delivery, small box');
INSERT INTO "orders" VALUES('ORD-1025','placed','CUS-2006','2026-11-16',NULL,0,13890,'EUR','ord-1025 stoneware dinner set, 12 pieces cast iron casserole, 4 l');
CREATE TABLE payments (
	id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	order_id VARCHAR NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	method VARCHAR NOT NULL, 
	paid_on DATE NOT NULL, 
	amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), 
	refunded_minor INTEGER NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT refunds_within_payment CHECK (refunded_minor BETWEEN 0 AND amount_minor), 
	FOREIGN KEY(order_id) REFERENCES orders (id), 
	FOREIGN KEY(customer_id) REFERENCES customers (id)
);
INSERT INTO "payments" VALUES('PAY-5001','captured','ORD-1001','CUS-2001','iDEAL','2026-09-14',6900,0,'EUR','pay-5001 ord-1001 ideal');
INSERT INTO "payments" VALUES('PAY-5002','captured','ORD-1002','CUS-2005','Visa','2026-09-21',11100,0,'EUR','pay-5002 ord-1002 visa');
INSERT INTO "payments" VALUES('PAY-5003','partially_refunded','ORD-1003','CUS-2006','Mastercard','2026-09-28',5040,4160,'EUR','pay-5003 ord-1003 mastercard');
INSERT INTO "payments" VALUES('PAY-5004','captured','ORD-1004','CUS-2002','PayPal','2026-10-05',8900,0,'EUR','pay-5004 ord-1004 paypal');
INSERT INTO "payments" VALUES('PAY-5005','captured','ORD-1005','CUS-2010','Visa','2026-10-08',12800,0,'EUR','pay-5005 ord-1005 visa');
INSERT INTO "payments" VALUES('PAY-5006','captured','ORD-1006','CUS-2003','PayPal','2026-10-19',5470,0,'EUR','pay-5006 ord-1006 paypal');
INSERT INTO "payments" VALUES('PAY-5007','partially_refunded','ORD-1007','CUS-2004','Visa','2026-11-02',8480,1272,'EUR','pay-5007 ord-1007 visa');
INSERT INTO "payments" VALUES('PAY-5008','captured','ORD-1008','CUS-2011','Visa','2026-10-21',6440,0,'EUR','pay-5008 ord-1008 visa');
INSERT INTO "payments" VALUES('PAY-5009','disputed','ORD-1009','CUS-2012','Mastercard','2026-10-12',24900,0,'EUR','pay-5009 ord-1009 mastercard');
INSERT INTO "payments" VALUES('PAY-5010','captured','ORD-1010','CUS-2007','PayPal','2026-10-26',3490,0,'GBP','pay-5010 ord-1010 paypal');
INSERT INTO "payments" VALUES('PAY-5011','captured','ORD-1011','CUS-2001','iDEAL','2026-11-03',4775,0,'EUR','pay-5011 ord-1011 ideal');
INSERT INTO "payments" VALUES('PAY-5012','captured','ORD-1012','CUS-2008','bank transfer','2026-10-27',68340,0,'EUR','pay-5012 ord-1012 bank transfer');
INSERT INTO "payments" VALUES('PAY-5013','pending','ORD-1013','CUS-2008','invoice','2026-11-09',124300,0,'EUR','pay-5013 ord-1013 invoice');
INSERT INTO "payments" VALUES('PAY-5014','captured','ORD-1014','CUS-2009','bank transfer','2026-11-11',55590,0,'EUR','pay-5014 ord-1014 bank transfer');
INSERT INTO "payments" VALUES('PAY-5015','captured','ORD-1015','CUS-2005','Visa','2026-11-10',8390,0,'EUR','pay-5015 ord-1015 visa');
INSERT INTO "payments" VALUES('PAY-5016','pending','ORD-1016','CUS-2006','Mastercard','2026-11-13',6400,0,'EUR','pay-5016 ord-1016 mastercard');
INSERT INTO "payments" VALUES('PAY-5017','pending','ORD-1017','CUS-2002','Visa','2026-11-15',2980,0,'EUR','pay-5017 ord-1017 visa');
INSERT INTO "payments" VALUES('PAY-5018','captured','ORD-1018','CUS-2003','PayPal','2026-11-14',25890,0,'EUR','pay-5018 ord-1018 paypal');
INSERT INTO "payments" VALUES('PAY-5019','captured','ORD-1019','CUS-2001','iDEAL','2026-11-12',5450,0,'EUR','pay-5019 ord-1019 ideal');
INSERT INTO "payments" VALUES('PAY-5020','refunded','ORD-1020','CUS-2004','PayPal','2026-10-20',2480,2480,'EUR','pay-5020 ord-1020 paypal');
INSERT INTO "payments" VALUES('PAY-5021','partially_refunded','ORD-1021','CUS-2011','Visa','2026-11-03',8890,800,'EUR','pay-5021 ord-1021 visa');
INSERT INTO "payments" VALUES('PAY-5022','captured','ORD-1022','CUS-2007','Mastercard','2026-11-04',6190,0,'GBP','pay-5022 ord-1022 mastercard');
INSERT INTO "payments" VALUES('PAY-5023','captured','ORD-1023','CUS-2009','bank transfer','2026-10-14',56190,0,'EUR','pay-5023 ord-1023 bank transfer');
INSERT INTO "payments" VALUES('PAY-5024','captured','ORD-1024','CUS-2001','iDEAL','2026-11-05',1800,0,'EUR','pay-5024 ord-1024 ideal');
INSERT INTO "payments" VALUES('PAY-5025','pending','ORD-1025','CUS-2006','Visa','2026-11-16',13890,0,'EUR','pay-5025 ord-1025 visa');
INSERT INTO "payments" VALUES('PAY-5026','failed','ORD-1011','CUS-2001','Visa','2026-11-03',4775,0,'EUR','pay-5026 ord-1011 visa');
CREATE TABLE products (
	id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	price_minor INTEGER NOT NULL, 
	currency VARCHAR(3) NOT NULL, 
	stock INTEGER NOT NULL CHECK (stock >= 0), 
	warranty_months INTEGER NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "products" VALUES('PRD-7001','available','Stoneware dinner set, 12 pieces','table',5990,'EUR',42,24,'prd-7001 stoneware dinner set, 12 pieces table');
INSERT INTO "products" VALUES('PRD-7002','available','Linen table runner','textiles',1495,'EUR',120,24,'prd-7002 linen table runner textiles');
INSERT INTO "products" VALUES('PRD-7003','available','Beeswax dinner candles, set of 4','candles',995,'EUR',210,24,'prd-7003 beeswax dinner candles, set of 4 candles');
INSERT INTO "products" VALUES('PRD-7004','available','Electric gooseneck kettle, 1.0 l','electronics',6900,'EUR',35,24,'prd-7004 electric gooseneck kettle, 1.0 l electronics');
INSERT INTO "products" VALUES('PRD-7005','available','Burr coffee grinder','electronics',8900,'EUR',18,24,'prd-7005 burr coffee grinder electronics');
INSERT INTO "products" VALUES('PRD-7006','available','Desk lamp with dimmer','electronics',4550,'EUR',27,24,'prd-7006 desk lamp with dimmer electronics');
INSERT INTO "products" VALUES('PRD-7007','available','Robot vacuum Tidy 2','electronics',24900,'EUR',9,24,'prd-7007 robot vacuum tidy 2 electronics');
INSERT INTO "products" VALUES('PRD-7008','available','Cast iron casserole, 4 l','kitchen',7900,'EUR',14,24,'prd-7008 cast iron casserole, 4 l kitchen');
INSERT INTO "products" VALUES('PRD-7009','available','Wool throw, 130 x 180 cm','textiles',6400,'EUR',31,24,'prd-7009 wool throw, 130 x 180 cm textiles');
INSERT INTO "products" VALUES('PRD-7010','available','Smart plugs, pack of 2','electronics',2490,'EUR',88,24,'prd-7010 smart plugs, pack of 2 electronics');
INSERT INTO "products" VALUES('PRD-7011','available','Kitchen radio with Bluetooth','electronics',5450,'EUR',22,24,'prd-7011 kitchen radio with bluetooth electronics');
INSERT INTO "products" VALUES('PRD-7012','available','Acacia cutting board','kitchen',3200,'EUR',60,24,'prd-7012 acacia cutting board kitchen');
INSERT INTO "products" VALUES('PRD-7013','out_of_stock','Glass storage jars, set of 6','kitchen',2790,'EUR',0,24,'prd-7013 glass storage jars, set of 6 kitchen');
INSERT INTO "products" VALUES('PRD-7014','available','Refill Club delivery, small box','refills',1800,'EUR',500,0,'prd-7014 refill club delivery, small box refills');
INSERT INTO "products" VALUES('PRD-7015','discontinued','Porcelain pour-over dripper','kitchen',1990,'EUR',0,24,'prd-7015 porcelain pour-over dripper kitchen');
CREATE TABLE refunds (
	number INTEGER NOT NULL, 
	payment_id VARCHAR NOT NULL, 
	amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), 
	currency VARCHAR(3) NOT NULL, 
	reason TEXT NOT NULL, 
	refunded_on DATE NOT NULL, 
	PRIMARY KEY (number), 
	FOREIGN KEY(payment_id) REFERENCES payments (id)
);
INSERT INTO "refunds" VALUES(9001,'PAY-5003',4160,'EUR','Return within 30 days; 3.90 EUR for the label taken off.','2026-10-21');
INSERT INTO "refunds" VALUES(9002,'PAY-5020',2480,'EUR','Cancelled by us: no longer in stock.','2026-10-22');
INSERT INTO "refunds" VALUES(9003,'PAY-5021',800,'EUR','Price match: 71.00 EUR in another shop.','2026-11-09');
INSERT INTO "refunds" VALUES(9004,'PAY-5007',1272,'EUR','Goodwill for the damaged dinner set.','2026-11-16');
CREATE TABLE shipments (
	order_id VARCHAR NOT NULL, 
	carrier VARCHAR NOT NULL, 
	service VARCHAR NOT NULL, 
	tracking VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	shipped_on DATE, 
	promised_on DATE NOT NULL, 
	last_scan VARCHAR NOT NULL, 
	street VARCHAR NOT NULL, 
	postcode VARCHAR NOT NULL, 
	city VARCHAR NOT NULL, 
	country VARCHAR NOT NULL, 
	PRIMARY KEY (order_id), 
	FOREIGN KEY(order_id) REFERENCES orders (id)
);
INSERT INTO "shipments" VALUES('ORD-1001','Swiftpost','standard','SW007926919','delivered','2026-09-15','2026-09-21','2026-09-17 Utrecht: delivered','Lindegracht 14','3511 AB','Utrecht','Netherlands');
INSERT INTO "shipments" VALUES('ORD-1002','Swiftpost','standard','SW007934838','delivered','2026-09-22','2026-10-01','2026-10-01 Bologna: delivered','Via dei Tigli 21','40121','Bologna','Italy');
INSERT INTO "shipments" VALUES('ORD-1003','Swiftpost','standard','SW007942757','returned','2026-09-29','2026-10-08','back in Venlo','5 Harbour Row','T12 X4K7','Cork','Ireland');
INSERT INTO "shipments" VALUES('ORD-1004','Swiftpost','standard','SW007950676','delivered','2026-10-06','2026-10-12','2026-10-08 Köln: delivered','Am Alten Markt 3','50667','Köln','Germany');
INSERT INTO "shipments" VALUES('ORD-1005','Swiftpost','standard','SW007958595','delivered','2026-10-09','2026-10-20','2026-10-19 Uppsala: delivered','Ringvägen 60','753 10','Uppsala','Sweden');
INSERT INTO "shipments" VALUES('ORD-1006','Swiftpost','standard','SW007966514','delivered','2026-10-20','2026-10-26','2026-10-22 Leipzig: delivered','Gartenstraße 27','04109','Leipzig','Germany');
INSERT INTO "shipments" VALUES('ORD-1007','Swiftpost','standard','SW007974433','delivered','2026-11-03','2026-11-12','2026-11-12 Göteborg: delivered','Björkgatan 8','413 01','Göteborg','Sweden');
INSERT INTO "shipments" VALUES('ORD-1008','Larkway','express','LA007982352','delivered','2026-10-22','2026-10-23','2026-10-23 Lyon: delivered','9 rue des Tanneurs','69002','Lyon','France');
INSERT INTO "shipments" VALUES('ORD-1009','Swiftpost','standard','SW007990271','delivered','2026-10-13','2026-10-22','2026-10-22 Gdańsk: delivered','ul. Portowa 17','80-001','Gdańsk','Poland');
INSERT INTO "shipments" VALUES('ORD-1010','Swiftpost','standard','SW007998190','delivered','2026-10-27','2026-11-06','2026-11-05 Leeds: delivered','42 Millstone Lane','LS1 4AP','Leeds','United Kingdom');
INSERT INTO "shipments" VALUES('ORD-1011','Swiftpost','standard','SW008006109','delivered','2026-11-04','2026-11-10','2026-11-10 Utrecht: delivered','Lindegracht 14','3511 AB','Utrecht','Netherlands');
INSERT INTO "shipments" VALUES('ORD-1012','Tolmar Freight','freight','TO008014028','delivered','2026-10-28','2026-10-30','2026-10-30 Haarlem: delivered','Weidepad 2','2011 CD','Haarlem','Netherlands');
INSERT INTO "shipments" VALUES('ORD-1013','Tolmar Freight','freight','TO008021947','delayed','2026-11-10','2026-11-12','2026-11-13 Tilburg hub: waiting for a vehicle','Weidepad 2','2011 CD','Haarlem','Netherlands');
INSERT INTO "shipments" VALUES('ORD-1014','Larkway','express','LA008029866','delayed','2026-11-12','2026-11-13','2026-11-13 Linz depot: held, road closed by flooding','Lindenhofgasse 1','1070','Wien','Austria');
INSERT INTO "shipments" VALUES('ORD-1015','Swiftpost','standard','SW008037785','in_transit','2026-11-11','2026-11-20','2026-11-14 Milano sorting centre: in transit','Via dei Tigli 21','40121','Bologna','Italy');
INSERT INTO "shipments" VALUES('ORD-1016','Swiftpost','standard','SW008045704','label_created',NULL,'2026-11-25','no scan yet','5 Harbour Row','T12 X4K7','Cork','Ireland');
INSERT INTO "shipments" VALUES('ORD-1019','Swiftpost','standard','SW008069461','in_transit','2026-11-13','2026-11-19','2026-11-14 Nieuwegein depot: in transit','Lindegracht 14','3511 AB','Utrecht','Netherlands');
INSERT INTO "shipments" VALUES('ORD-1021','Larkway','express','LA008085299','delivered','2026-11-04','2026-11-05','2026-11-06 Lyon: delivered','9 rue des Tanneurs','69002','Lyon','France');
INSERT INTO "shipments" VALUES('ORD-1022','Swiftpost','standard','SW008093218','in_transit','2026-11-05','2026-11-17','2026-11-13 Dover: cleared customs','42 Millstone Lane','LS1 4AP','Leeds','United Kingdom');
INSERT INTO "shipments" VALUES('ORD-1023','Larkway','express','LA008101137','delivered','2026-10-15','2026-10-16','2026-10-15 Wien: delivered','Lindenhofgasse 1','1070','Wien','Austria');
INSERT INTO "shipments" VALUES('ORD-1024','Swiftpost','standard','SW008109056','delivered','2026-11-06','2026-11-12','2026-11-11 Utrecht: delivered','Lindegracht 14','3511 AB','Utrecht','Netherlands');
CREATE TABLE tickets (
	id VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	title VARCHAR NOT NULL, 
	priority VARCHAR NOT NULL, 
	customer_id VARCHAR NOT NULL, 
	order_id VARCHAR, 
	opened_on DATE NOT NULL, 
	words TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(customer_id) REFERENCES customers (id), 
	FOREIGN KEY(order_id) REFERENCES orders (id)
);
INSERT INTO "tickets" VALUES('TCK-3001','solved','Sending the desk lamp back','normal','CUS-2006','ORD-1003','2026-10-12','tck-3001 sending the desk lamp back ord-1003');
INSERT INTO "tickets" VALUES('TCK-3002','open','A charge that I do not recognise','high','CUS-2011','ORD-1008','2026-11-14','tck-3002 a charge that i do not recognise ord-1008');
INSERT INTO "tickets" VALUES('TCK-3003','open','Dinner set arrived damaged','normal','CUS-2004','ORD-1007','2026-11-13','tck-3003 dinner set arrived damaged ord-1007');
INSERT INTO "tickets" VALUES('TCK-3004','open','Where is my order, and can I change the address?','normal','CUS-2005','ORD-1015','2026-11-15','tck-3004 where is my order, and can i change the address? ord-1015');
INSERT INTO "tickets" VALUES('TCK-3005','open','Late pallet: penalty under our service level','high','CUS-2008','ORD-1013','2026-11-16','tck-3005 late pallet: penalty under our service level ord-1013');
INSERT INTO "tickets" VALUES('TCK-3006','waiting','Stop the Refill Club for a while','low','CUS-2001','ORD-1024','2026-11-12','tck-3006 stop the refill club for a while ord-1024');
INSERT INTO "tickets" VALUES('TCK-3007','open','Single sign-on for our reception team','normal','CUS-2009',NULL,'2026-11-13','tck-3007 single sign-on for our reception team ');
INSERT INTO "tickets" VALUES('TCK-3008','open','403 when creating orders through the API','normal','CUS-2008',NULL,'2026-11-13','tck-3008 403 when creating orders through the api ');
CREATE TABLE toolward_keys (tenant TEXT NOT NULL, principal TEXT NOT NULL, tool TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, expires_at INTEGER NOT NULL, result BLOB, evidence BLOB, attempt TEXT NOT NULL, PRIMARY KEY (tenant, principal, tool, key));
INSERT INTO "toolward_keys" VALUES('default','ada','refund_payment','k1','22f39c952ea4b48b2ef526af92f6c462b028ff77df68fcb581647c3090d77bf6',1795780193064,X'84A7636F6E74656E749182A474797065A474657874A474657874D9A87B22726566756E645F6964223A225245462D39303034222C227061796D656E745F6964223A225041592D35303037222C226F726465725F6964223A224F52442D31303037222C22616D6F756E745F6D696E6F72223A313237322C2263757272656E6379223A22455552222C2272656D61696E696E675F6D696E6F72223A373230382C227061796D656E745F737461747573223A227061727469616C6C795F726566756E646564227DAF737472756374757265645F6A736F6EC4A87B22726566756E645F6964223A225245462D39303034222C227061796D656E745F6964223A225041592D35303037222C226F726465725F6964223A224F52442D31303037222C22616D6F756E745F6D696E6F72223A313237322C2263757272656E6379223A22455552222C2272656D61696E696E675F6D696E6F72223A373230382C227061796D656E745F737461747573223A227061727469616C6C795F726566756E646564227DA869735F6572726F72C2A57472757374A9756E74727573746564',NULL,'');
INSERT INTO "toolward_keys" VALUES('default','ada','add_ticket_message','k2','03881862af00d7de02f615837858d93f29cc48f0d9c1699018577864e101870b',1795780193095,X'84A7636F6E74656E749182A474797065A474657874A474657874D96F7B227469636B65745F6964223A2254434B2D33303033222C226D6573736167655F6E756D626572223A332C22696E7465726E616C223A66616C73652C226174223A22323032362D31312D31365430393A30303A30305A222C227469636B65745F737461747573223A226F70656E227DAF737472756374757265645F6A736F6EC46F7B227469636B65745F6964223A2254434B2D33303033222C226D6573736167655F6E756D626572223A332C22696E7465726E616C223A66616C73652C226174223A22323032362D31312D31365430393A30303A30305A222C227469636B65745F737461747573223A226F70656E227DA869735F6572726F72C2A57472757374A9756E74727573746564',NULL,'');
CREATE TABLE world (
	id INTEGER NOT NULL CHECK (id = 1), 
	layout INTEGER NOT NULL, 
	pack VARCHAR NOT NULL, 
	today DATE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "world" VALUES(1,1,'tiny','2026-11-16');
CREATE INDEX orders_by_date ON orders (ordered_on DESC, id);
CREATE INDEX ix_orders_customer_id ON orders (customer_id);
CREATE INDEX ix_payments_order_id ON payments (order_id);
CREATE INDEX ix_payments_customer_id ON payments (customer_id);
CREATE INDEX ix_tickets_customer_id ON tickets (customer_id);
CREATE INDEX ix_tickets_order_id ON tickets (order_id);
CREATE INDEX ix_refunds_payment_id ON refunds (payment_id);
CREATE INDEX toolward_keys_by_expiry ON toolward_keys (expires_at);
COMMIT;